#include "packet/greeter.h"

#include <algorithm>

namespace rgtp::packet {

TimePoint Greeter::again(std::optional<Duration> limit) const {
  if (!sent_at_ || hurries_) return TimePoint::min();
  const std::uint32_t doublings = std::min(std::max(unanswered_, 1U) - 1, 8U);
  const Duration backoff = first_interval * (std::int64_t{1} << doublings);
  return *sent_at_ + std::min(backoff, limit.value_or(max_interval));
}

void Greeter::on_sent(TimePoint now) {
  sent_at_ = now;
  hurries_ = false;
  ++unanswered_;
}

}  // namespace rgtp::packet
