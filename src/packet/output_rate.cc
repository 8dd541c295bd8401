#include "packet/output_rate.h"

#include <algorithm>
#include <utility>

namespace rgtp::packet {

namespace {

using Seconds = std::chrono::duration<double>;

}  // namespace

void OutputRate::on_turn(TimePoint now, Backlog backlog) {
  const std::size_t bytes = std::exchange(train_bytes_, 0);
  if (backlog == Backlog::none) return busy_since_.reset();
  if (!busy_since_) {
    busy_since_ = last_turn_ = now;
    return;
  }
  busy_ += std::max(now - last_turn_, Duration{});
  bytes_ += bytes;
  last_turn_ = now;
  if (busy_ < window) return;
  const auto sample = static_cast<std::uint64_t>(static_cast<double>(bytes_) / Seconds(busy_).count());
  rate_ = rate_ == 0 ? sample : rate_ - rate_ / 4 + sample / 4;
  busy_ = {};
  bytes_ = 0;
}

void OutputRate::on_train(std::size_t bytes, Backlog behind) {
  train_bytes_ = bytes;
  if (behind == Backlog::none) busy_since_.reset();
}

std::size_t OutputRate::bytes_in(Duration time) const {
  return static_cast<std::size_t>(static_cast<double>(rate_) * Seconds(time).count());
}

Duration OutputRate::time_for(std::size_t bytes) const {
  if (rate_ == 0) return {};
  const Seconds time(static_cast<double>(bytes) / static_cast<double>(rate_));
  return std::chrono::duration_cast<Duration>(std::min(time, Seconds(3600)));
}

Duration OutputRate::waited(TimePoint since, TimePoint now) const {
  return busy_since_ ? now - std::max(since, *busy_since_) : Duration{};
}

}  // namespace rgtp::packet
