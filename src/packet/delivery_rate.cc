#include "packet/delivery_rate.h"

#include <algorithm>

namespace rgtp::packet {

DeliveryRate::Snapshot DeliveryRate::on_ask(TimePoint now, InFlight before) {
  if (before == InFlight::none) {
    delivered_at_ = now;
    first_asked_ = now;
  }
  return {delivered_, delivered_at_, first_asked_, now, limited_until_ > delivered_};
}

DeliveryRate::Sample DeliveryRate::on_arrival(TimePoint now, const Snapshot& asked, std::uint64_t bytes,
                                              Duration min_rtt) {
  delivered_ += bytes;
  delivered_at_ = now;
  first_asked_ = std::max(first_asked_, asked.asked_at);
  const Duration interval = std::max(asked.asked_at - asked.first_asked, now - asked.delivered_at);
  Sample sample{0, asked.limited};
  if (interval <= Duration{} || interval < min_rtt) return sample;
  const double seconds = std::chrono::duration<double>(interval).count();
  sample.bytes_per_second =
      static_cast<std::uint64_t>(static_cast<double>(delivered_ - asked.delivered) / seconds);
  return sample;
}

}  // namespace rgtp::packet
