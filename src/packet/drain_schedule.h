// How long a puller's socket may be left alone after it was emptied. At moderate rates wake-ups cost more
// than the bytes that they bring, so where datagrams come one by one and quickly, they are left to gather in
// the kernel's buffer. Arrival times are the kernel's, so that no measurement suffers; what a rest may cost
// is a sixteenth of a round trip, or a third of a millisecond where much comes in it.
//
//     const Duration rest = schedule.on_drain({now, datagrams, bytes, rtt});
//     rest == 0: wait until the socket is readable; else: look again after `rest`, and not before
#pragma once

#include <algorithm>

#include <rgtp/types.h>

namespace rgtp::packet {

class DrainSchedule {
 public:
  static constexpr Duration longest_rest = std::chrono::milliseconds(1);
  // So long it may be on the shortest path too where it gathers so many bytes: at full rate each wake-up that
  // is saved spares an exposer on this host an interrupt of another processor.
  static constexpr Duration bulk_rest = std::chrono::microseconds(300);
  static constexpr std::uint64_t bulk_bytes = 128 * 1024;
  // A shorter rest is not worth a timer.
  static constexpr Duration shortest_rest = std::chrono::microseconds(50);
  // Where so many wake-ups fit into a rest, so often in a row, it begins; with fewer datagrams in one it
  // ends.
  static constexpr std::uint32_t worthwhile = 4;

  struct Drain {
    TimePoint now;
    std::uint32_t datagrams = 0;
    std::uint64_t bytes = 0;
    Duration rtt{};  // of the path
  };

  // As the kernel granted it: in its own count, which is about twice the bytes that fit.
  explicit DrainSchedule(std::uint64_t receive_buffer) : most_bytes_(receive_buffer / 2 / 4) {}

  // The socket was emptied. Zero, or at least shortest_rest.
  Duration on_drain(const Drain& drain) {
    datagrams_ += drain.datagrams;
    bytes_ += drain.bytes;
    const Duration since = std::clamp<Duration>(drain.now - judged_, Duration(1), std::chrono::seconds(1));
    const Duration rest = std::min({longest_rest, affordable(drain.rtt, since), time_to_fill(since)});
    // Timers may have it emptied sooner: too little time to say what comes.
    if (!is_resting_ || since >= rest / 2) judge(drain.now, since, rest);
    is_resting_ = is_resting_ && rest >= shortest_rest;
    return is_resting_ ? rest : Duration{};
  }

 private:
  void judge(TimePoint now, Duration since, Duration rest) {
    // While nobody rests it is wake-ups that count, however many datagrams each of them brings.
    const std::uint32_t events = is_resting_ ? datagrams_ : std::min(datagrams_, 1U);
    const bool quick = events * rest >= worthwhile * since;
    quick_in_a_row_ = quick ? std::min(quick_in_a_row_ + 1, worthwhile) : 0;
    is_resting_ = quick_in_a_row_ == worthwhile;
    judged_ = now;
    datagrams_ = 0;
    bytes_ = 0;
  }
  Duration affordable(Duration rtt, Duration since) const {
    const bool is_bulk = bytes_ * bulk_rest.count() >= bulk_bytes * static_cast<std::uint64_t>(since.count());
    return is_bulk ? std::max(rtt / 16, bulk_rest) : rtt / 16;
  }
  // How long a quarter of the buffer lasts, at the rate at which this came.
  Duration time_to_fill(Duration since) const {
    if (bytes_ == 0) return longest_rest;
    const double share = static_cast<double>(most_bytes_) / static_cast<double>(bytes_);
    return Duration(static_cast<std::int64_t>(
        std::min(share * static_cast<double>(since.count()), static_cast<double>(longest_rest.count()))));
  }

  const std::uint64_t most_bytes_;
  TimePoint judged_{};
  std::uint32_t datagrams_ = 0;  // since then
  std::uint64_t bytes_ = 0;
  std::uint32_t quick_in_a_row_ = 0;
  bool is_resting_ = false;
};

}  // namespace rgtp::packet
