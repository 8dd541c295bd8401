#include "sim/simulated_puller.h"

#include <algorithm>

#include "sim/link.h"

namespace rgtp::test {

void SimulatedPuller::start(const packet::PullerEngine::Options& options) {
  engine_ = std::make_unique<packet::PullerEngine>(timeline_.now(), options, *path_, *sink_);
  pump();
}

void SimulatedPuller::stop() { engine_.reset(); }

void SimulatedPuller::on_packet(Packet& packet) {
  if (engine_ == nullptr || is_done()) return;
  engine_->handle_datagram(timeline_.now(), packet.payload,
                           packet.marked ? packet::Mark::congestion : packet::Mark::none);
  pump();
}

void SimulatedPuller::on_unreachable() {
  if (engine_ != nullptr && !is_done()) engine_->handle_unreachable(timeline_.now());
}

void SimulatedPuller::pump() {
  std::array<std::byte, packet::PullerEngine::max_transmit_bytes> out;
  while (!is_done()) {
    const std::size_t size = engine_->poll_transmit(timeline_.now(), out);
    if (size == 0) break;
    const auto request = uplink_.packets.take(uplink_.exposer, std::span(out).first(size));
    uplink_.packets[request].from = uplink_.number;
    uplink_.link.send(request);
  }
  if (!is_done()) set_timer();
}

// Mostly the next deadline is later than the one before: then the scheduled one finds out.
void SimulatedPuller::set_timer() {
  const TimePoint next = engine_->poll_timeout(timeline_.now());
  if (next >= timer_) return;
  // A deadline that has passed would stop time: the engine must have moved it on.
  timer_ = std::max(next, timeline_.now() + std::chrono::microseconds(1));
  timeline_.schedule(timer_, *this, static_cast<std::uint64_t>(timer_.time_since_epoch().count()));
}

void SimulatedPuller::on_due(std::uint64_t what) {
  const bool is_newest = static_cast<std::uint64_t>(timer_.time_since_epoch().count()) == what;
  if (!is_newest || engine_ == nullptr || is_done()) return;
  timer_ = TimePoint::max();
  if (timeline_.now() >= engine_->poll_timeout(timeline_.now())) engine_->handle_timeout(timeline_.now());
  pump();
}

}  // namespace rgtp::test
