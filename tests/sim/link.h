// One direction of an emulated network path, in virtual time: loss, damage, duplication, reordering, delay,
// and a bottleneck with a queue, which all whose packets pass share. Seeded: the same seed does the same to
// the same packets.
#pragma once

#include <optional>

#include "sim/packets.h"
#include "sim/random.h"
#include "sim/timeline.h"

namespace rgtp::test {

// What a path is like from some moment on; what is not named stays as it was.
struct LinkChange {
  Duration at{};                    // from the start of the simulation on
  std::optional<double> rate = {};  // what is queued already leaves at the old one
  std::optional<Duration> delay = {};
  std::optional<std::uint32_t> mtu = {};
};

enum class JitterOrder { free, kept };

struct LinkOptions {
  double rate = 12.5e6;                           // IP bytes a second through the bottleneck
  Duration delay = std::chrono::milliseconds(5);  // one way
  Duration jitter{};                              // up to so much more, each packet for itself
  std::uint64_t queue_bytes = 64 * 1024;
  bool polices = false;  // drops what the queue has no room for, and lets the rest pass without waiting in it
  double loss = 0;
  double corruption = 0;
  double duplication = 0;
  double reordering = 0;
  Duration reordering_delay = std::chrono::milliseconds(5);
  JitterOrder jitter_order = JitterOrder::free;
  // Mean run of losses: in bursts after Gilbert's model, as many in all as `loss` says. 0: each for itself.
  double loss_burst = 0;
  std::uint64_t mark_above_bytes = 0;  // packets that find a longer queue are marked (ECN); 0: none
  std::uint32_t mtu = 65'535;          // longer IP packets vanish without a word
  // Nothing passes for the last `blackout` of every `blackout_every`.
  Duration blackout{};
  Duration blackout_every = std::chrono::seconds(5);
  std::vector<LinkChange> changes = {};  // in order of time
};

// Bytes of a queue that holds so many bandwidth-delay products.
std::uint64_t queue_of(double products, double rate, Duration round_trip);

struct LinkCounters {
  std::uint64_t datagrams = 0;
  std::uint64_t bytes = 0;  // UDP payload, as sent
  std::uint64_t lost = 0;   // by chance, or while it was blocked
  std::uint64_t corrupted = 0;
  std::uint64_t overflowed = 0;  // dropped at the queue
  std::uint64_t marked = 0;
  std::uint64_t too_long = 0;
  Duration longest_queue{};
  Duration queued{};  // of all that passed the queue together

  // Of those that passed the queue.
  Duration mean_queue() const {
    const std::uint64_t passed = datagrams - lost - overflowed - too_long;
    return passed == 0 ? Duration{} : queued / static_cast<Duration::rep>(passed);
  }
  // Dropped at the queue, of those that reached it.
  double dropped_share() const {
    const std::uint64_t reached = datagrams - lost - too_long;
    return reached == 0 ? 0 : static_cast<double>(overflowed) / static_cast<double>(reached);
  }
};

class Link : private Timeline::Target {
 public:
  Link(Timeline& timeline, Packets& packets, const LinkOptions& options, std::uint64_t seed)
      : timeline_(timeline), packets_(packets), options_(options), random_(seed) {}

  // Its destination gets the packet, or nobody does.
  void send(Packets::Index index);

  // Nothing passes while it is blocked.
  void set_blocked(bool blocked) { blocked_ = blocked; }
  const LinkOptions& options() const { return options_; }
  const LinkCounters& counters() const { return counters_; }
  void reset_counters() { counters_ = {}; }

 private:
  struct OnTheWay {
    TimePoint when;
    Packets::Index packet;
  };

  void on_due(std::uint64_t what) override;
  void change();
  bool is_blocked() const;
  bool loses();
  // True where the queue had no room.
  bool overflows(Packet& packet);
  void damage(Packet& packet);
  void deliver_in_order(TimePoint when, Packets::Index index);
  void deliver(Packets::Index index);

  Timeline& timeline_;
  Packets& packets_;
  LinkOptions options_;
  Random random_;
  TimePoint free_at_;
  TimePoint last_arrival_;
  std::size_t changed_ = 0;
  bool blocked_ = false;
  bool in_burst_ = false;
  std::deque<OnTheWay> in_order_;  // only the first of them is scheduled
  LinkCounters counters_;
};

}  // namespace rgtp::test
