#include "packet/loss_detector.h"

#include <algorithm>

namespace rgtp::packet {

void LossDetector::on_arrival(TimePoint now, std::uint64_t ask, const AskLog::Arrival& arrival,
                              const RttEstimator& rtt) {
  probes_in_a_row_ = 0;
  interval_limit_ = max_probe_interval;
  if (arrival.before == AskLog::State::lost && largest_arrived_ && *largest_arrived_ > ask)
    on_reordering(now, *largest_arrived_ - ask, now - arrival.train.asked.asked_at - time_threshold(rtt),
                  rtt);
  if (!largest_arrived_ || ask > *largest_arrived_) largest_arrived_ = ask;
}

// What came late shows how late what is not lost may come: an eighth more is waited for from now on.
void LossDetector::on_reordering(TimePoint now, std::uint64_t distance, Duration late,
                                 const RttEstimator& rtt) {
  reordered_at_ = now;
  threshold_ = std::clamp(distance + distance / 8 + 1, threshold_, max_threshold);
  reordering_window_ =
      std::clamp(late + late / 8, reordering_window_, std::max(reordering_window_, rtt.smoothed()));
}

void LossDetector::forget_reordering(TimePoint now, const RttEstimator& rtt) {
  const bool is_patient = threshold_ > initial_threshold || reordering_window_ > Duration{};
  if (!is_patient || now < reordered_at_ + calm_rounds * rtt.smoothed()) return;
  reordered_at_ = now;
  threshold_ = std::max(initial_threshold, threshold_ / 2);
  reordering_window_ /= 2;
}

Duration LossDetector::time_threshold(const RttEstimator& rtt) {
  return std::max(std::max(rtt.smoothed(), rtt.latest()) * 9 / 8, RttEstimator::granularity);
}

void LossDetector::detect(TimePoint now, const RttEstimator& rtt, double ns_per_byte, AskLog& log,
                          std::vector<std::uint64_t>& lost) {
  loss_time_.reset();
  if (!largest_arrived_) return;
  forget_reordering(now, rtt);
  const Duration patience = time_threshold(rtt) + reordering_window_;
  for (auto ask = log.lowest_outstanding(); ask && *ask < *largest_arrived_;
       ask = log.next_outstanding(*ask + 1)) {
    const AskedTrain& train = log.train(*ask);
    const auto before_it = static_cast<double>((*ask - train.first_ask) * train.ip_bytes);
    const TimePoint due =
        train.asked.asked_at + patience + Duration(static_cast<Duration::rep>(before_it * ns_per_byte));
    if (*ask + threshold_ <= *largest_arrived_ || due <= now) {
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
