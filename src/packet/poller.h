// When a puller polls for chunks that are still to be published, and about which words of the bitmap.
//
// The interval begins at a quarter of a round trip and doubles up to 100 ms with every round that brings
// nothing. A poll or its answer that is lost costs an interval: the next poll asks for the same, and all
// that is outstanding of it is its word range.
//
// An exposer that says so tells of these words unasked from then on. Polls are for what is lost then, and to
// be remembered: the interval begins at two round trips, and doubles up to 2 s; behind a poll that nothing
// followed it is 100 ms, until something is heard; and what comes puts the next one off by no more than half
// of the time that it is remembered. What was published elsewhere is polled for as before.
#pragma once

#include <algorithm>

#include "packet/availability.h"
#include "packet/subscriptions.h"

namespace rgtp::packet {

class Poller {
 public:
  static constexpr Duration min_interval = std::chrono::milliseconds(1);
  static constexpr Duration max_interval = std::chrono::milliseconds(100);
  // Where the exposer tells unasked.
  static constexpr Duration min_told_interval = std::chrono::milliseconds(10);
  static constexpr Duration max_told_interval = std::chrono::seconds(2);
  static constexpr Duration renewal_interval = Subscriptions::lifetime / 2;

  // Whoever is told unasked polls several times in `idle_timeout`: answers are what shows that the exposer
  // lives.
  explicit Poller(Duration idle_timeout = max_told_interval * 4)
      : max_told_(std::min(max_told_interval, idle_timeout / 4)) {}

  // When to poll next; TimePoint::max() where `availability` has all of `wanted`.
  TimePoint next(const Availability& availability, ChunkRange wanted) const;
  // The words to poll for now, at most `most` of them. `wanted` lacks a chunk in `availability`. Where one
  // ANNOUNCE cannot tell of all of them, every other poll is for the first that are missing and the rest walk
  // through all: chunks that come in order are found at once, and those that come in any order are found.
  WordRange poll(TimePoint now, Duration rtt, const Availability& availability, ChunkRange wanted,
                 std::uint16_t most);
  enum class Tells { asked, unasked };  // what the exposer will do
  // Of these words.
  void on_announce(TimePoint now, Availability::News news, WordRange words, Tells tells, Duration rtt);

 private:
  enum class Turn { front, walk };

  static Duration soonest(Duration rtt) { return std::clamp(rtt / 4, min_interval, max_interval); }
  Duration shortest_interval(Duration rtt) const;
  Duration longest_interval() const { return is_told_ ? max_told_ : max_interval; }

  Duration max_told_;
  Duration interval_{};  // zero before the first poll
  Duration soonest_{};   // as of that poll
  TimePoint polled_;
  TimePoint next_;
  WordRange front_;  // that was polled for last
  Turn turn_ = Turn::walk;
  bool is_told_ = false;
  bool is_answered_ = true;   // the last poll
  bool is_wide_ = false;      // one ANNOUNCE does not tell all
  std::uint32_t walked_ = 0;  // the word to go on at
};

}  // namespace rgtp::packet
