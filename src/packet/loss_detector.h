// Which asks are lost: those that later ones overtook by a number of asks or by time (RFC 9002, section 6.1,
// with the adaptive window of RACK, RFC 8985), and when to probe because nothing comes at all (RFC 9002,
// section 6.2).
#pragma once

#include <optional>
#include <vector>

#include "packet/ask_log.h"
#include "packet/rtt.h"

namespace rgtp::packet {

class LossDetector {
 public:
  static constexpr std::uint64_t initial_threshold = 3;
  static constexpr std::uint64_t max_threshold = 8192;
  // However the timers stand, outstanding asks are probed for this often.
  static constexpr Duration max_probe_interval = std::chrono::seconds(2);
  // A path that did not reorder for so many round trips is taken for one that does not.
  static constexpr int calm_rounds = 16;

  void on_ask(TimePoint now) { last_asked_ = now; }
  // An ask that had not arrived before.
  void on_arrival(TimePoint now, std::uint64_t ask, const AskLog::Arrival& arrival, const RttEstimator& rtt);
  // Appends what is outstanding in the log and lost by now; the caller sets it so. `per_byte` is the time
  // that a byte takes on the path: it is part of when a train's later slices are due.
  void detect(TimePoint now, const RttEstimator& rtt, double ns_per_byte, AskLog& log,
              std::vector<std::uint64_t>& lost);

  // `answer_time` below is how long the answer to what was asked last may reasonably take.
  // The next time at which detect() or a probe may be due; nothing while nothing is outstanding.
  std::optional<TimePoint> deadline(Duration answer_time, const AskLog& log) const;
  // Whether nothing has come for a probe timeout; the interval then doubles until something arrives.
  bool probe_is_due(TimePoint now, Duration answer_time, const AskLog& log) const;
  void on_probe(TimePoint now);
  // A sign that the peer may be gone: probe at this interval at least.
  void limit_interval(Duration interval) { interval_limit_ = interval; }

  std::uint32_t probes_in_a_row() const { return probes_in_a_row_; }
  std::uint64_t threshold() const { return threshold_; }
  Duration reordering_window() const { return reordering_window_; }

 private:
  TimePoint probe_time(Duration answer_time) const;
  // From asking to when an answer is overdue, the reordering window aside.
  static Duration time_threshold(const RttEstimator& rtt);
  void on_reordering(TimePoint now, std::uint64_t distance, Duration late, const RttEstimator& rtt);
  void forget_reordering(TimePoint now, const RttEstimator& rtt);

  std::optional<std::uint64_t> largest_arrived_;
  std::uint64_t threshold_ = initial_threshold;
  Duration reordering_window_{};
  TimePoint reordered_at_;
  std::optional<TimePoint> loss_time_;
  TimePoint last_asked_;
  std::uint32_t probes_in_a_row_ = 0;
  Duration interval_limit_ = max_probe_interval;
};

}  // namespace rgtp::packet
