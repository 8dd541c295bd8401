#include "packet/path.h"

#include <algorithm>

namespace rgtp::packet {

namespace {

// A rate that was measured wrongly must not put probes off for ever.
constexpr Duration max_draining_time = std::chrono::seconds(1);

}  // namespace

Path::Path(const Options& options)
    : overhead_((options.ip == IpVersion::v4 ? 20 : 40) + 8 + header_bytes),
      slice_capacity_(slice_capacity_of(options.mtu, options.ip)),
      receive_buffer_(options.receive_buffer),
      controller_(make_bbr_like(ip_bytes(slice_capacity_))) {}

void Path::reduce_slice_capacity(std::uint16_t capacity) {
  slice_capacity_ = std::min(slice_capacity_, std::max<std::uint16_t>(capacity, min_slice_bytes));
}

std::uint64_t Path::window_bytes() const {
  // The receive buffer bounds what may arrive between two drains, not what is on its way: the path holds a
  // bandwidth-delay product beside it.
  const double seconds = std::chrono::duration<double>(controller_->min_rtt()).count();
  const auto on_the_way =
      static_cast<std::uint64_t>(static_cast<double>(controller_->estimated_rate()) * seconds);
  return std::min(controller_->window_bytes(), on_the_way + receive_buffer_ / 2);
}

Duration Path::answer_time() const {
  const std::uint64_t rate = controller_->estimated_rate();
  if (rate == 0) return rtt_.probe_timeout();
  const std::chrono::duration<double> draining(static_cast<double>(in_flight_) / static_cast<double>(rate));
  return rtt_.probe_timeout() + std::min(std::chrono::duration_cast<Duration>(draining), max_draining_time);
}

bool Path::window_is_open(std::uint16_t slice_bytes) const {
  return in_flight_ + ip_bytes(slice_bytes) <= window_bytes();
}

std::uint32_t Path::slices_allowed(TimePoint now, std::uint16_t slice_bytes) const {
  if (now < pacer_.next() || !window_is_open(slice_bytes)) return 0;
  const std::uint64_t bytes = ip_bytes(slice_bytes);
  const std::uint64_t window = window_bytes();
  // At most a quarter of the window in one train, so that there are always several on their way.
  const std::uint64_t train =
      std::min(train_bytes_at(controller_->rate(), ip_bytes(slice_bytes)), std::max(window / 4, 2 * bytes));
  const std::uint64_t room = window - in_flight_;
  const std::uint64_t most =
      std::min<std::uint64_t>(max_train_slices, max_train_bytes / (slice_bytes + header_bytes));
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(std::min(train, room) / bytes, 1, most));
}

DeliveryRate::Snapshot Path::on_ask(TimePoint now, std::uint64_t bytes) {
  const auto snapshot =
      delivery_.on_ask(now, in_flight_ == 0 ? DeliveryRate::InFlight::none : DeliveryRate::InFlight::some);
  in_flight_ += bytes;
  pacer_.on_ask(now, bytes, controller_->rate());
  return snapshot;
}

void Path::on_arrival(TimePoint now, const DeliveryRate::Snapshot& asked, std::uint32_t bytes, Duration rtt,
                      Duration service_delay) {
  if (rtt > Duration{}) rtt_.on_sample(rtt + service_delay);
  in_flight_ -= std::min<std::uint64_t>(in_flight_, bytes);
  const auto rate = delivery_.on_arrival(now, asked, bytes, controller_->min_rtt());
  controller_->on_arrival({.now = now,
                           .bytes = bytes,
                           .slices = 1,
                           .rtt = rtt,
                           .delivery_rate = rate.bytes_per_second,
                           .limited = rate.limited,
                           .delivered = delivery_.delivered(),
                           .asked_delivered = asked.delivered,
                           .in_flight = in_flight_});
}

void Path::on_lost(TimePoint now, std::uint64_t bytes) {
  on_abandoned(bytes);
  controller_->on_lost({.now = now, .bytes = bytes, .in_flight = in_flight_});
}

void Path::on_loss_was_spurious(TimePoint now, std::uint64_t bytes) {
  in_flight_ += bytes;
  controller_->on_loss_was_spurious({.now = now, .bytes = bytes, .in_flight = in_flight_});
}

void Path::on_abandoned(std::uint64_t bytes) { in_flight_ -= std::min(in_flight_, bytes); }

void Path::set_cookie(const Cookie& cookie, TimePoint now, Duration lifetime) {
  cookie_ = cookie;
  cookie_renew_at_ = now + lifetime / 2;
  cookie_expires_ = now + lifetime;
}

}  // namespace rgtp::packet
