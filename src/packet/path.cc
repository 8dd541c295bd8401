#include "packet/path.h"

#include <algorithm>

namespace rgtp::packet {

namespace {

// A rate that was measured wrongly must not put probes off for ever.
constexpr Duration max_draining_time = std::chrono::seconds(1);

std::uint64_t bytes_in(std::uint64_t rate, Duration time) {
  return static_cast<std::uint64_t>(static_cast<double>(rate) * std::chrono::duration<double>(time).count());
}

}  // namespace

Path::Path(const Options& options)
    : ip_(options.ip),
      overhead_((options.ip == IpVersion::v4 ? 20 : 40) + 8 + header_bytes),
      receive_buffer_(options.receive_buffer),
      mtu_(options.mtu, options.max_mtu),
      controller_(make_controller(options.congestion, options.fixed_rate, ip_bytes(slice_capacity()))) {}

std::optional<std::uint16_t> Path::mtu_probe(TimePoint now) const {
  const auto mtu = mtu_.due(now);
  return mtu ? std::optional(slice_capacity_of(*mtu, ip_)) : std::nullopt;
}

void Path::on_mtu_probe_arrived(TimePoint now, std::uint32_t bytes) {
  mtu_.on_arrived(now, bytes);
  controller_->set_slice_bytes(ip_bytes(slice_capacity()));
}

void Path::on_black_hole(TimePoint now) {
  mtu_.reduce(now, fallback_mtu);
  controller_->set_slice_bytes(ip_bytes(slice_capacity()));
}

void Path::limit_slice_capacity(std::uint16_t capacity) {
  mtu_.limit(ip_bytes(std::max<std::uint16_t>(capacity, min_slice_bytes)));
  controller_->set_slice_bytes(ip_bytes(slice_capacity()));
}

std::uint64_t Path::rate() const {
  const std::uint64_t rate = controller_->rate();
  if (rate == 0) return 0;
  return std::max<std::uint64_t>(1,
                                 static_cast<std::uint64_t>(static_cast<double>(rate) * pressure_.factor()));
}

std::uint64_t Path::window_bytes() const {
  // The receive buffer bounds what may arrive between two drains, not what is on its way: the path holds a
  // bandwidth-delay product beside it. At the rate of asking, so that start-up does not end at the buffer.
  const std::uint64_t rate = std::max(controller_->estimated_rate(), controller_->rate());
  return std::min(controller_->window_bytes(), bytes_in(rate, controller_->min_rtt()) + receive_buffer_ / 2);
}

bool Path::queue_is_seen() const { return is_queued(latest_rtt_, controller_->min_rtt()); }

Duration Path::answer_time() const {
  const std::uint64_t rate = controller_->estimated_rate();
  if (rate == 0) return rtt_.probe_timeout();
  const std::chrono::duration<double> draining(static_cast<double>(in_flight_) / static_cast<double>(rate));
  return rtt_.probe_timeout() + std::min(std::chrono::duration_cast<Duration>(draining), max_draining_time);
}

double Path::ns_per_byte() const {
  const std::uint64_t rate = controller_->estimated_rate();
  return rate == 0 ? 0 : 1e9 / static_cast<double>(rate);
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
      std::min(train_bytes_at(rate(), ip_bytes(slice_bytes)), std::max(window / 4, 2 * bytes));
  const std::uint64_t room = window - in_flight_;
  const std::uint64_t most =
      std::min<std::uint64_t>(max_train_slices, max_train_bytes / (slice_bytes + header_bytes));
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(std::min(train, room) / bytes, 1, most));
}

AskedTrain Path::on_ask(TimePoint now, std::uint32_t slices, std::uint16_t slice_bytes) {
  AskedTrain train;
  train.asked =
      delivery_.on_ask(now, in_flight_ == 0 ? DeliveryRate::InFlight::none : DeliveryRate::InFlight::some);
  train.ip_bytes = ip_bytes(slice_bytes);
  train.phase = controller_->phase();
  const std::uint64_t bytes = std::uint64_t{slices} * train.ip_bytes;
  in_flight_ += bytes;
  pacer_.on_ask(now, bytes, rate());
  return train;
}

void Path::on_arrival(const AskedTrain& train, const Arrival& arrival) {
  if (arrival.rtt > Duration{}) {
    rtt_.on_sample(arrival.rtt + arrival.service_delay);
    latest_rtt_ = arrival.rtt;
    pressure_.on_answer(arrival.now, arrival.service_delay, rtt_.smoothed());
  }
  const std::uint64_t bytes = std::uint64_t{arrival.slices} * train.ip_bytes;
  in_flight_ -= std::min(in_flight_, bytes);
  const auto rate = delivery_.on_arrival(arrival.now, train.asked, bytes, controller_->min_rtt());
  controller_->on_arrival({.now = arrival.now,
                           .bytes = bytes,
                           .slices = arrival.slices,
                           .marked = arrival.marked,
                           .rtt = arrival.rtt,
                           .delivery_rate = rate.bytes_per_second,
                           .limited = rate.limited,
                           .delivered = delivery_.delivered(),
                           .asked_delivered = train.asked.delivered,
                           .in_flight = in_flight_,
                           .phase = train.phase});
}

void Path::report_loss(TimePoint now, const AskedTrain& train, std::uint32_t slices) {
  controller_->on_lost(loss_sample(now, train, slices));
}

void Path::report_spurious_loss(TimePoint now, const AskedTrain& train) {
  controller_->on_loss_was_spurious(loss_sample(now, train, 1));
}

LossSample Path::loss_sample(TimePoint now, const AskedTrain& train, std::uint32_t slices) const {
  return {.now = now,
          .asked_at = train.asked.asked_at,
          .bytes = std::uint64_t{slices} * train.ip_bytes,
          .slices = slices,
          .train_slices = train.slices,
          .request = train.request_lost,
          .in_flight = in_flight_,
          .phase = train.phase};
}

void Path::set_cookie(const Cookie& cookie, TimePoint now, Duration lifetime) {
  cookie_ = cookie;
  cookie_renew_at_ = now + lifetime / 2;
  cookie_expires_ = now + lifetime;
}

}  // namespace rgtp::packet
