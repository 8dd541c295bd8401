// One direction of an emulated network path, in virtual time: loss, damage, duplication, reordering, delay,
// and a bottleneck with a queue. Seeded: the same seed does the same to the same datagrams.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include <rgtp/types.h>

namespace rgtp::test {

struct LinkOptions {
  double rate = 12.5e6;                           // bytes a second through the bottleneck
  Duration delay = std::chrono::milliseconds(5);  // one way
  Duration jitter{};                              // up to so much more, each datagram for itself
  std::uint64_t queue_bytes = 64 * 1024;
  double loss = 0;
  double corruption = 0;
  double duplication = 0;
  double reordering = 0;
  Duration reordering_delay = std::chrono::milliseconds(5);
};

struct LinkCounters {
  std::uint64_t datagrams = 0;
  std::uint64_t bytes = 0;  // UDP payload, as sent
  std::uint64_t lost = 0;   // by chance
  std::uint64_t corrupted = 0;
  std::uint64_t overflowed = 0;  // dropped at the queue
  Duration longest_queue{};
};

class Link {
 public:
  static constexpr std::size_t headers = 28;  // IPv4 and UDP

  using Deliver = std::function<void(TimePoint when, std::vector<std::byte> datagram)>;

  Link(const LinkOptions& options, std::uint64_t seed, Deliver deliver)
      : options_(options), random_(seed), deliver_(std::move(deliver)) {}

  void send(TimePoint now, std::vector<std::byte> datagram) {
    ++counters_.datagrams;
    counters_.bytes += datagram.size();
    if (blocked_ || happens(options_.loss)) {
      ++counters_.lost;
      return;
    }
    const auto wait = std::max(free_at_, now) - now;
    const double backlog = std::chrono::duration<double>(wait).count() * options_.rate;
    if (backlog + static_cast<double>(datagram.size() + headers) >
        static_cast<double>(options_.queue_bytes)) {
      ++counters_.overflowed;
      return;
    }
    const auto takes = std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(static_cast<double>(datagram.size() + headers) / options_.rate));
    free_at_ = now + wait + takes;
    counters_.longest_queue = std::max(counters_.longest_queue, wait);
    TimePoint when = free_at_ + options_.delay + up_to(options_.jitter);
    if (happens(options_.reordering)) when += options_.reordering_delay;
    if (happens(options_.duplication)) deliver_(when + up_to(options_.delay), datagram);
    if (happens(options_.corruption)) {
      ++counters_.corrupted;
      const std::size_t bit = random_() % (datagram.size() * 8);
      datagram[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    }
    deliver_(when, std::move(datagram));
  }

  // Nothing passes while it is blocked.
  void set_blocked(bool blocked) { blocked_ = blocked; }
  const LinkCounters& counters() const { return counters_; }

 private:
  bool happens(double probability) {
    return probability > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < probability;
  }
  Duration up_to(Duration most) {
    return most > Duration{}
               ? Duration(static_cast<Duration::rep>(random_() % static_cast<std::uint64_t>(most.count())))
               : Duration{};
  }

  const LinkOptions options_;
  std::mt19937_64 random_;
  const Deliver deliver_;
  TimePoint free_at_;
  bool blocked_ = false;
  LinkCounters counters_;
};

}  // namespace rgtp::test
