#include "core/counters.h"

namespace rgtp::core {

struct Counters::Adder {
  Counters& c;

  void operator()(const event::DatagramSent& e) const {
    add(c.send_batches_, 1);
    add(c.datagrams_sent_, e.datagrams);
    add(c.bytes_sent_, e.bytes);
  }
  void operator()(const event::DatagramReceived& e) const {
    add(c.receive_batches_, 1);
    add(c.datagrams_received_, e.datagrams);
    add(c.bytes_received_, e.bytes);
  }
  void operator()(const event::DatagramDropped&) const { add(c.datagrams_dropped_, 1); }
  void operator()(const event::Refused&) const { add(c.refusals_, 1); }
  void operator()(const event::ManifestReceived&) const {}
  void operator()(const event::Asked& e) const {
    add(c.requests_, 1);
    add(c.slices_asked_, e.slices);
    add(c.slices_asked_again_, e.again);
  }
  void operator()(const event::SliceReceived& e) const {
    add(c.duplicates_, e.duplicate ? 1 : 0);
    const bool is_first = !e.duplicate && c.time_to_first_byte_ns_.load(std::memory_order_relaxed) == 0;
    if (is_first && c.now_) set_once(c.time_to_first_byte_ns_, c.now_() - c.started_);
  }
  void operator()(const event::SlicesLost& e) const { add(c.slices_lost_, e.slices); }
  void operator()(const event::RequestLost&) const { add(c.requests_lost_, 1); }
  void operator()(const event::SocketDropped& e) const { add(c.socket_drops_, e.datagrams); }
  void operator()(const event::CongestionMarked& e) const { add(c.marked_, e.slices); }
  void operator()(const event::LossWasSpurious&) const { add(c.spurious_losses_, 1); }
  void operator()(const event::ProbeTimeout&) const { add(c.probe_timeouts_, 1); }
  void operator()(const event::RttMeasured& e) const {
    c.rtt_ns_.store(static_cast<std::uint64_t>(e.rtt.count()), std::memory_order_relaxed);
    c.service_delay_ns_.store(static_cast<std::uint64_t>(e.service_delay.count()), std::memory_order_relaxed);
  }
  void operator()(const event::RateChanged& e) const {
    c.rate_.store(e.bytes_per_second, std::memory_order_relaxed);
    c.window_bytes_.store(e.window_bytes, std::memory_order_relaxed);
  }
  void operator()(const event::MtuChanged& e) const { c.mtu_.store(e.bytes, std::memory_order_relaxed); }
  void operator()(const event::ChunkVerified& e) const {
    add(c.chunks_, 1);
    add(c.bytes_, e.bytes);
    add(c.verified_bytes_, e.bytes);
  }
  void operator()(const event::ChunkRejected&) const { add(c.rejected_chunks_, 1); }
  void operator()(const event::ChunkAdopted& e) const {
    add(c.chunks_, 1);
    add(c.bytes_, e.bytes);
  }
  void operator()(const event::SurfaceAdopted& e) const {
    add(c.chunks_, e.chunks);
    add(c.bytes_, e.bytes);
  }
  void operator()(const event::HugePagesMade& e) const { add(c.huge_page_bytes_, e.bytes); }
  void operator()(const event::RequestReceived& e) const {
    add(c.requests_, 1);
    add(c.slices_asked_, e.slices);
  }
  void operator()(const event::RequestOverflow& e) const { add(c.request_overflows_, e.slices); }
};

void Counters::on_event(const Event& event) { std::visit(Adder{*this}, event); }

void Counters::set_time_to_first_chunk(Duration duration) {
  // By routes without packets a chunk is the first thing that comes.
  set_once(time_to_first_byte_ns_, duration);
  set_once(time_to_first_chunk_ns_, duration);
}

void Counters::set_time_to_last_new_ask(Duration duration) {
  time_to_last_new_ask_ns_.store(static_cast<std::uint64_t>(duration.count()), std::memory_order_relaxed);
}

Stats Counters::snapshot() const {
  const auto value = [](const Count& count) { return count.load(std::memory_order_relaxed); };
  Stats s;
  s.bytes = value(bytes_);
  s.verified_bytes = value(verified_bytes_);
  s.chunks = value(chunks_);
  s.rejected_chunks = value(rejected_chunks_);
  s.datagrams_sent = value(datagrams_sent_);
  s.datagrams_received = value(datagrams_received_);
  s.datagrams_dropped = value(datagrams_dropped_);
  s.send_batches = value(send_batches_);
  s.receive_batches = value(receive_batches_);
  s.socket_drops = value(socket_drops_);
  s.bytes_sent = value(bytes_sent_);
  s.bytes_received = value(bytes_received_);
  s.requests = value(requests_);
  s.slices_asked = value(slices_asked_);
  s.slices_asked_again = value(slices_asked_again_);
  s.slices_lost = value(slices_lost_);
  s.requests_lost = value(requests_lost_);
  s.marked = value(marked_);
  s.spurious_losses = value(spurious_losses_);
  s.duplicates = value(duplicates_);
  s.probe_timeouts = value(probe_timeouts_);
  s.refusals = value(refusals_);
  s.request_overflows = value(request_overflows_);
  s.rtt = Duration(static_cast<std::int64_t>(value(rtt_ns_)));
  s.service_delay = Duration(static_cast<std::int64_t>(value(service_delay_ns_)));
  s.huge_page_bytes = value(huge_page_bytes_);
  s.mtu = static_cast<std::uint32_t>(value(mtu_));
  s.rate = value(rate_);
  s.window_bytes = value(window_bytes_);
  s.time_to_last_new_ask = Duration(static_cast<std::int64_t>(value(time_to_last_new_ask_ns_)));
  s.time_to_first_byte = Duration(static_cast<std::int64_t>(value(time_to_first_byte_ns_)));
  s.time_to_first_chunk = Duration(static_cast<std::int64_t>(value(time_to_first_chunk_ns_)));
  return s;
}

}  // namespace rgtp::core
