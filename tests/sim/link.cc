#include "sim/link.h"

#include <algorithm>
#include <limits>

namespace rgtp::test {

namespace {

constexpr std::uint64_t first_in_order = std::numeric_limits<std::uint64_t>::max();

}  // namespace

std::uint64_t queue_of(double products, double rate, Duration round_trip) {
  return static_cast<std::uint64_t>(products * rate * std::chrono::duration<double>(round_trip).count());
}

void Link::send(Packets::Index index) {
  change();
  Packet& packet = packets_[index];
  ++counters_.datagrams;
  counters_.bytes += packet.payload.size();
  if (is_blocked() || loses()) {
    ++counters_.lost;
    return packets_.give_back(index);
  }
  if (packet.ip_bytes > options_.mtu) {
    ++counters_.too_long;
    return packets_.give_back(index);
  }
  if (overflows(packet)) {
    ++counters_.overflowed;
    return packets_.give_back(index);
  }
  const TimePoint leaves = options_.polices ? timeline_.now() : free_at_;
  const TimePoint when = leaves + options_.delay + random_.up_to(options_.jitter);
  if (random_.happens(options_.duplication))
    timeline_.schedule(when + random_.up_to(options_.delay), *this, packets_.copy(index));
  if (random_.happens(options_.corruption)) damage(packet);
  if (random_.happens(options_.reordering))
    timeline_.schedule(when + options_.reordering_delay, *this, index);
  else if (options_.jitter > Duration{} && options_.jitter_order == JitterOrder::free)
    timeline_.schedule(when, *this, index);
  else
    deliver_in_order(when, index);
}

void Link::change() {
  for (; changed_ < options_.changes.size(); ++changed_) {
    const LinkChange& change = options_.changes[changed_];
    if (timeline_.now() < timeline_.start() + change.at) return;
    options_.rate = change.rate.value_or(options_.rate);
    options_.delay = change.delay.value_or(options_.delay);
    options_.mtu = change.mtu.value_or(options_.mtu);
  }
}

bool Link::is_blocked() const {
  if (blocked_ || options_.blackout == Duration{}) return blocked_;
  const Duration since = (timeline_.now() - timeline_.start()) % options_.blackout_every;
  return since >= options_.blackout_every - options_.blackout;
}

bool Link::loses() {
  if (options_.loss_burst <= 0) return random_.happens(options_.loss);
  const double leaves = 1 / options_.loss_burst;
  const double enters = leaves * options_.loss / (1 - options_.loss);
  in_burst_ = in_burst_ ? !random_.happens(leaves) : random_.happens(enters);
  return in_burst_;
}

bool Link::overflows(Packet& packet) {
  const TimePoint now = timeline_.now();
  const Duration wait = std::max(free_at_, now) - now;
  const double backlog = std::chrono::duration<double>(wait).count() * options_.rate;
  if (backlog + packet.ip_bytes > static_cast<double>(options_.queue_bytes)) return true;
  if (options_.mark_above_bytes > 0 && backlog > static_cast<double>(options_.mark_above_bytes)) {
    packet.marked = true;
    ++counters_.marked;
  }
  const std::chrono::duration<double> takes(packet.ip_bytes / options_.rate);
  free_at_ = now + wait + std::chrono::duration_cast<Duration>(takes);
  if (options_.polices) return false;
  counters_.longest_queue = std::max(counters_.longest_queue, wait);
  counters_.queued += wait;
  return false;
}

void Link::damage(Packet& packet) {
  ++counters_.corrupted;
  if (packet.payload.empty()) return;
  const std::size_t bit = random_.below(packet.payload.size() * 8);
  packet.payload[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
}

void Link::deliver_in_order(TimePoint when, Packets::Index index) {
  // A delay that has become shorter lets nobody overtake.
  last_arrival_ = std::max(last_arrival_, when);
  in_order_.push_back({last_arrival_, index});
  if (in_order_.size() == 1) timeline_.schedule(last_arrival_, *this, first_in_order);
}

void Link::on_due(std::uint64_t what) {
  if (what != first_in_order) return deliver(static_cast<Packets::Index>(what));
  const Packets::Index index = in_order_.front().packet;
  in_order_.pop_front();
  if (!in_order_.empty()) timeline_.schedule(in_order_.front().when, *this, first_in_order);
  deliver(index);
}

void Link::deliver(Packets::Index index) {
  Packet& packet = packets_[index];
  packet.to->on_packet(packet);
  packets_.give_back(index);
}

}  // namespace rgtp::test
