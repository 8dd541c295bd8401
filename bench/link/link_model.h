// One direction of an emulated link, in virtual time: IP packets in, the same packets and when they are due
// out.
//
//     LinkModel link({.rate_bits_per_s = 200e6, .delay = 10ms, .queue_bytes = 500'000, .loss = 0.01}, seed);
//     link.push(now, packet);
//     while (const auto delivery = link.pop(now)) write(delivery->packet);
//     sleep_until(link.next_due());
//
// A packet is lost at random, or enters a queue of so many bytes, which drops what it has no room for and is
// served at the rate; then it travels for the delay. The rate counts IP bytes, without framing. The same
// pushes, options and seed give the same deliveries, and switching one fault on does not change which packets
// another one hits.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "link/chance.h"

namespace rgtp::bench {

using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using Duration = std::chrono::nanoseconds;

struct LinkOptions {
  double rate_bits_per_s = 0;  // 0: there is no bottleneck, and so no queue
  Duration delay{};            // one way
  std::uint64_t queue_bytes = 0;
  // In front of the queue, so that losses do not relieve the bottleneck's sender of its rate.
  double loss = 0;                     // share of packets
  double mean_loss_run = 1;            // packets; 1: each is lost for itself
  double reorder = 0;                  // share of packets that are held back, so that others overtake them
  Duration held_back{};                // for so long
  double duplicate = 0;                // share of packets that arrive twice
  Duration jitter{};                   // up to so much more delay, evenly spread; the order is kept
  std::uint64_t mark_above_bytes = 0;  // packets behind a queue longer than this are marked (ECN); 0: never
};

struct LinkCounters {
  std::uint64_t packets_in = 0;
  std::uint64_t bytes_in = 0;  // of IP packets, as are all bytes here
  std::uint64_t lost = 0;      // packets, at random
  std::uint64_t dropped = 0;   // packets, at the queue
  std::uint64_t marked = 0;
  std::uint64_t held_back = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t longest_queue_bytes = 0;
};

class LinkModel {
 public:
  struct Delivery {
    TimePoint due;
    std::span<const std::byte> packet;  // valid until the next call of pop()
  };

  LinkModel(const LinkOptions& options, std::uint64_t seed);

  // A packet arrives. `now` never goes back from call to call.
  void push(TimePoint now, std::span<const std::byte> packet);
  // The next packet that is due by `now`, earliest first.
  std::optional<Delivery> pop(TimePoint now);
  // When pop() has something: nothing while no packet is on its way.
  std::optional<TimePoint> next_due() const;

  const LinkCounters& counters() const { return counters_; }

 private:
  using Bytes = std::vector<std::byte>;
  // When a packet is due, and a number that settles which of two that are due together came first.
  using Turn = std::pair<TimePoint, std::uint64_t>;
  struct Travelling {
    Turn turn;
    Bytes packet;
  };
  enum class Queued { no_room, plain, marked };

  Queued enqueue(TimePoint now, std::size_t bytes);
  void send(std::span<const std::byte> packet, Queued queued);
  Bytes copy(std::span<const std::byte> packet);
  bool held_back_is_next() const;

  const LinkOptions options_;
  LossProcess losses_;
  Chance delays_;
  Chance order_;
  Chance copies_;

  TimePoint free_at_{};   // when the bottleneck has sent all that is queued
  TimePoint last_due_{};  // of what keeps its order
  std::uint64_t next_number_ = 0;
  std::deque<Travelling> in_order_;
  std::map<Turn, Bytes> held_back_;
  std::vector<Bytes> spare_;  // buffers to use again
  Bytes delivered_;
  LinkCounters counters_;
};

}  // namespace rgtp::bench
