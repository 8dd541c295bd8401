#include "packet/service_pressure.h"

#include <algorithm>

namespace rgtp::packet {

void ServicePressure::on_answer(TimePoint now, Duration service_delay, Duration round_trip) {
  latest_ = service_delay;
  least_delay_ = std::min(least_delay_, service_delay);
  if (now < round_began_ + round_trip) return;
  if (least_delay_ > high)
    fall(now, round_trip);
  else if (least_delay_ <= low)
    factor_ = std::min(factor_ * increase, 1.0);
  round_began_ = now;
  least_delay_ = Duration::max();
}

void ServicePressure::on_busy(TimePoint now, Duration round_trip) {
  latest_ = std::max(latest_, high);
  fall(now, round_trip);
}

void ServicePressure::fall(TimePoint now, Duration round_trip) {
  if (now < fell_at_ + round_trip) return;
  factor_ = std::max(factor_ * decrease, least);
  fell_at_ = now;
}

}  // namespace rgtp::packet
