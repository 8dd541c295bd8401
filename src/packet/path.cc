#include "packet/path.h"

#include <algorithm>

namespace rgtp::packet {

namespace {

// A rate that was measured wrongly must not put probes off for ever.
constexpr Duration max_draining_time = std::chrono::seconds(1);
constexpr std::uint64_t shortest_train = 2;  // slices, but for the last ones

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
  const std::uint64_t rate = std::max(controller_->estimated_rate(), believed_rate());
  const std::uint64_t window =
      std::min(controller_->window_bytes(), bytes_in(rate, controller_->min_rtt()) + receive_buffer_ / 2);
  // What waits at an exposer that is behind are windows, not rates. One train may always wait there.
  const auto held_back = static_cast<std::uint64_t>(static_cast<double>(window) * pressure_.factor());
  return std::max(held_back, std::min(window, longest_train_bytes(slice_capacity())));
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

std::uint64_t Path::train_bytes(std::uint16_t slice_bytes) const {
  const std::uint64_t bytes = ip_bytes(slice_bytes);
  const std::uint64_t window = window_bytes();
  const std::uint64_t train = std::min(longest_train_bytes(slice_bytes), window);
  // At most a quarter of the window, so that there are always several on their way: others', where an exposer
  // is behind.
  return pressure_.holds_back() ? train : std::min(train, std::max(window / 4, shortest_train * bytes));
}

// Start-up asks for a window that doubles faster than anything was measured: what the path carries is taken
// to be so much more at most.
std::uint64_t Path::believed_rate() const {
  const std::uint64_t measured = controller_->estimated_rate();
  return measured == 0 ? controller_->rate() : std::min(controller_->rate(), 3 * measured);
}

// Each train costs the exposer a turn and the puller a wake-up: who holds back asks less often, not for less.
std::uint64_t Path::longest_train_bytes(std::uint16_t slice_bytes) const {
  return train_bytes_at(believed_rate(), ip_bytes(slice_bytes));
}

// Only where a whole train has room: where the window is full, each answer would draw one slice else, and a
// datagram and two wake-ups with it (the silly window, RFC 9293, section 3.8.6.2). And of those who share a
// full queue it drops what comes in longer bursts: single slices would take a TCP flow's part, whose bursts
// are as long as these. A window of which a quarter is less than the shortest train is not left idle for
// that.
bool Path::window_is_open(std::uint16_t slice_bytes) const {
  const std::uint64_t slice = ip_bytes(slice_bytes);
  const std::uint64_t window = window_bytes();
  const bool is_narrow = window / 4 < shortest_train * slice && !pressure_.holds_back();
  return in_flight_ + (is_narrow ? slice : train_bytes(slice_bytes)) <= window;
}

std::uint32_t Path::slices_allowed(TimePoint now, std::uint16_t slice_bytes) const {
  if (now < pacer_.next() || !window_is_open(slice_bytes)) return 0;
  const std::uint64_t most =
      std::min<std::uint64_t>(max_train_slices, max_train_bytes / (slice_bytes + header_bytes));
  const std::uint64_t bytes = std::min(train_bytes(slice_bytes), window_bytes() - in_flight_);
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(bytes / ip_bytes(slice_bytes), 1, most));
}

std::uint32_t Path::slices_to_follow() const {
  const std::uint64_t bytes = ip_bytes(slice_capacity());
  const std::uint64_t window = window_bytes();
  const std::uint64_t room = window - std::min(window, in_flight_);
  // They come at once: a quarter of what is on its way otherwise is what queues are sure to have room for.
  const std::uint64_t burst = bytes_in(controller_->estimated_rate(), controller_->min_rtt()) / 4;
  const std::uint64_t most = std::max(burst, first_window_slices * bytes);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::min(most, room) / bytes, max_train_slices));
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
                           .asked_at = train.asked.asked_at,
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
          .request = train.told == AskedTrain::Told::request,
          .in_flight = in_flight_,
          .phase = train.phase};
}

void Path::set_cookie(const Cookie& cookie, TimePoint now, Duration lifetime) {
  cookie_ = cookie;
  cookie_renew_at_ = now + lifetime / 2;
  cookie_expires_ = now + lifetime;
}

}  // namespace rgtp::packet
