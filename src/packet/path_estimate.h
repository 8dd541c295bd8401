// What arrivals say of a path, for controllers that only need to know it: rounds, the rate, the shortest
// round trip.
#pragma once

#include <algorithm>
#include <array>

#include "packet/congestion.h"

namespace rgtp::packet {

// A round ends when something arrives that was asked for in it.
class Rounds {
 public:
  // True where this arrival begins a new one.
  bool on_arrival(const ArrivalSample& sample) {
    if (sample.asked_delivered < ends_at_) return false;
    ends_at_ = sample.delivered;
    return true;
  }

 private:
  std::uint64_t ends_at_ = 0;
};

// The largest value of the last ten rounds that had one. The last of all stays until there is another: while
// little is asked for nothing is measured, and a path that is taken to carry nothing is asked for nothing.
class RoundMaximum {
 public:
  void update(std::uint64_t value) { rounds_[now_] = std::max(rounds_[now_], value); }
  void next_round() {
    const std::uint64_t before = value();
    now_ = (now_ + 1) % rounds_.size();
    rounds_[now_] = 0;
    if (value() == 0) rounds_[now_] = before;
  }
  std::uint64_t value() const { return *std::max_element(rounds_.begin(), rounds_.end()); }

 private:
  std::array<std::uint64_t, 10> rounds_{};
  std::size_t now_ = 0;
};

// The smallest value of the last while, which is forgotten in tenths.
class RecentMinimum {
 public:
  explicit RecentMinimum(Duration lifetime) : tenth_(lifetime / 10) { tenths_.fill(Duration::max()); }

  void update(TimePoint now, Duration value) {
    if (now >= began_ + tenth_) {
      // After a long silence nothing is known but this.
      if (now >= began_ + 10 * tenth_) tenths_.fill(Duration::max());
      began_ = now;
      now_ = (now_ + 1) % tenths_.size();
      tenths_[now_] = Duration::max();
    }
    tenths_[now_] = std::min(tenths_[now_], value);
  }
  // Zero while nothing is known.
  Duration value() const {
    const Duration least = *std::min_element(tenths_.begin(), tenths_.end());
    return least == Duration::max() ? Duration{} : least;
  }

 private:
  const Duration tenth_;
  TimePoint began_ = TimePoint::min() + std::chrono::hours(1);
  std::array<Duration, 10> tenths_{};
  std::size_t now_ = 0;
};

class PathEstimate {
 public:
  // How long the shortest round trip is believed.
  explicit PathEstimate(Duration min_rtt_lifetime) : min_rtt_(min_rtt_lifetime) {}

  // True where this arrival begins a new round.
  bool on_arrival(const ArrivalSample& sample) {
    const bool new_round = rounds_.on_arrival(sample);
    if (new_round) rate_.next_round();
    // A limited sample says that the path carries at least so much.
    if (!sample.limited || sample.delivery_rate > rate_.value()) rate_.update(sample.delivery_rate);
    if (sample.rtt > Duration{}) {
      min_rtt_.update(sample.now, sample.rtt);
      smoothed_rtt_ =
          smoothed_rtt_ == Duration{} ? sample.rtt : smoothed_rtt_ + (sample.rtt - smoothed_rtt_) / 8;
    }
    return new_round;
  }

  std::uint64_t rate() const { return rate_.value(); }
  Duration min_rtt() const { return min_rtt_.value(); }
  Duration smoothed_rtt() const { return smoothed_rtt_; }
  // A window spread over a round trip, `gain` times as fast; 0 while no round trip is known.
  std::uint64_t pace(double window_bytes, double gain) const {
    const double seconds = std::chrono::duration<double>(smoothed_rtt_).count();
    if (seconds <= 0) return 0;
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(gain * window_bytes / seconds));
  }

 private:
  Rounds rounds_;
  RoundMaximum rate_;
  RecentMinimum min_rtt_;
  Duration smoothed_rtt_{};
};

}  // namespace rgtp::packet
