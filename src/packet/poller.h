// When a puller polls for chunks that are still to be published, and about which words of the bitmap.
//
// The interval begins at a quarter of a round trip and doubles up to 100 ms with every round that brings
// nothing. A poll or its answer that is lost costs an interval: the next poll asks for the same, and all
// that is outstanding of it is its word range.
#pragma once

#include "packet/availability.h"

namespace rgtp::packet {

class Poller {
 public:
  static constexpr Duration min_interval = std::chrono::milliseconds(1);
  static constexpr Duration max_interval = std::chrono::milliseconds(100);

  // When to poll next, if chunks are missing then.
  TimePoint next() const { return next_; }
  // The words to poll for now, at most `most` of them. `wanted` lacks a chunk in `availability`. Where one
  // ANNOUNCE cannot tell of all of them, every other poll is for the first that are missing and the rest walk
  // through all: chunks that come in order are found at once, and those that come in any order are found.
  WordRange poll(TimePoint now, Duration rtt, const Availability& availability, ChunkRange wanted,
                 std::uint16_t most);
  void on_announce(Availability::News news, Duration rtt);

 private:
  enum class Turn { front, walk };

  static Duration shortest_interval(Duration rtt);

  Duration interval_{};  // zero before the first poll
  TimePoint polled_;
  TimePoint next_;
  Turn turn_ = Turn::walk;
  bool is_wide_ = false;      // one ANNOUNCE does not tell all
  std::uint32_t walked_ = 0;  // the word to go on at
};

}  // namespace rgtp::packet
