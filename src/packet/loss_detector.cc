#include "packet/loss_detector.h"

#include <algorithm>

namespace rgtp::packet {

void LossDetector::on_arrival(std::uint64_t ask, AskLog::State before) {
  probes_in_a_row_ = 0;
  interval_limit_ = max_probe_interval;
  if (before == AskLog::State::lost && largest_arrived_ && *largest_arrived_ > ask)
    threshold_ = std::clamp(*largest_arrived_ - ask + 1, threshold_, max_threshold);
  if (!largest_arrived_ || ask > *largest_arrived_) largest_arrived_ = ask;
}

Duration LossDetector::time_threshold(const RttEstimator& rtt) {
  return std::max(std::max(rtt.smoothed(), rtt.latest()) * 9 / 8, RttEstimator::granularity);
}

void LossDetector::detect(TimePoint now, const RttEstimator& rtt, AskLog& log,
                          std::vector<std::uint64_t>& lost) {
  loss_time_.reset();
  if (!largest_arrived_) return;
  const Duration patience = time_threshold(rtt);
  for (auto ask = log.lowest_outstanding(); ask && *ask < *largest_arrived_;
       ask = log.next_outstanding(*ask + 1)) {
    const TimePoint due = log.asked_at(*ask) + patience;
    if (*ask + threshold_ <= *largest_arrived_ || due <= now) {
      log.set_lost(*ask);
      lost.push_back(*ask);
    } else {
      loss_time_ = due;
      return;  // later ones are due no earlier
    }
  }
}

TimePoint LossDetector::probe_time(Duration answer_time) const {
  const Duration interval =
      std::min(answer_time * (std::int64_t{1} << std::min(probes_in_a_row_, 16U)), interval_limit_);
  return last_asked_ + std::max(interval, RttEstimator::granularity);
}

std::optional<TimePoint> LossDetector::deadline(Duration answer_time, const AskLog& log) const {
  if (log.outstanding() == 0) return std::nullopt;
  const TimePoint probe = probe_time(answer_time);
  return loss_time_ ? std::min(*loss_time_, probe) : probe;
}

bool LossDetector::probe_is_due(TimePoint now, Duration answer_time, const AskLog& log) const {
  return log.outstanding() > 0 && now >= probe_time(answer_time);
}

void LossDetector::on_probe(TimePoint now) {
  last_asked_ = now;
  ++probes_in_a_row_;
}

}  // namespace rgtp::packet
