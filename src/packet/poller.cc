#include "packet/poller.h"

#include <algorithm>
#include <cassert>

namespace rgtp::packet {

Duration Poller::shortest_interval(Duration rtt) { return std::clamp(rtt / 4, min_interval, max_interval); }

WordRange Poller::poll(TimePoint now, Duration rtt, const Availability& availability, ChunkRange wanted,
                       std::uint16_t most) {
  const auto front = availability.next_missing(wanted);
  assert(front && most > 0);
  const std::uint32_t end = (std::min(wanted.end, availability.end()).value + word_chunks - 1) / word_chunks;
  std::uint32_t first = front->value / word_chunks;
  is_wide_ = end - first > most;
  turn_ = is_wide_ && turn_ == Turn::walk ? Turn::front : Turn::walk;
  bool round_ends = !is_wide_;
  if (turn_ == Turn::walk && is_wide_) {
    const ChunkIndex from{std::max(walked_ * word_chunks, wanted.first.value)};
    const auto onward = availability.next_missing({from, wanted.end});
    if (onward) first = onward->value / word_chunks;
    round_ends = !onward;
    walked_ = first + most;
  }
  const Duration shortest = shortest_interval(rtt);
  interval_ = interval_ == Duration{} ? shortest : std::max(interval_, shortest);
  polled_ = now;
  next_ = now + interval_;
  if (round_ends) interval_ = std::min(interval_ * 2, max_interval);
  return {static_cast<std::uint16_t>(first),
          static_cast<std::uint16_t>(std::min<std::uint32_t>(most, end - first))};
}

void Poller::on_announce(Availability::News news, Duration rtt) {
  // A count that rose says that walking on is worth its while; of words that one ANNOUNCE covers it says
  // nothing that their bits do not.
  const bool is_news = news == Availability::News::chunks || (news == Availability::News::count && is_wide_);
  if (!is_news) return;
  interval_ = shortest_interval(rtt);
  next_ = std::min(next_, polled_ + interval_);
}

}  // namespace rgtp::packet
