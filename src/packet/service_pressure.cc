#include "packet/service_pressure.h"

#include <algorithm>

namespace rgtp::packet {

void ServicePressure::on_answer(TimePoint now, Duration service_delay, Duration round_trip) {
  latest_ = service_delay;
  least_delay_ = std::min(least_delay_, service_delay);
  if (now < round_began_ + round_trip) return;
  if (least_delay_ > high && now >= changed_at_ + round_trip)
    change(now, decrease);
  else if (least_delay_ <= low)
    change(now, increase);
  round_began_ = now;
  least_delay_ = Duration::max();
}

void ServicePressure::on_busy(TimePoint now, Duration round_trip) {
  latest_ = std::max(latest_, high);
  if (now >= changed_at_ + round_trip) change(now, decrease);
}

void ServicePressure::change(TimePoint now, double by) {
  factor_ = std::clamp(factor_ * by, least, 1.0);
  changed_at_ = now;
}

}  // namespace rgtp::packet
