#include "packet/poller.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace rgtp::packet {

Duration Poller::shortest_interval(Duration rtt) const {
  return is_told_ ? std::min(std::max<Duration>(2 * rtt, min_told_interval), max_told_) : soonest(rtt);
}

TimePoint Poller::next(const Availability& availability, ChunkRange wanted) const {
  const auto front = availability.next_missing(wanted);
  if (!front) return TimePoint::max();
  const std::uint32_t word = front->value / word_chunks;
  const bool was_polled_for = word >= front_.first && word < front_.end();
  return was_polled_for ? next_ : std::min(next_, polled_ + soonest_);
}

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
  soonest_ = soonest(rtt);
  polled_ = now;
  const bool is_heard = std::exchange(is_answered_, false);
  next_ = now + (is_heard ? interval_ : std::min(interval_, max_interval));
  if (round_ends) interval_ = std::min(interval_ * 2, longest_interval());
  const WordRange words{static_cast<std::uint16_t>(first),
                        static_cast<std::uint16_t>(std::min<std::uint32_t>(most, end - first))};
  if (!is_wide_ || turn_ == Turn::front) front_ = words;
  return words;
}

void Poller::on_announce(TimePoint now, Availability::News news, WordRange words, Tells tells, Duration rtt) {
  using News = Availability::News;
  is_told_ = tells == Tells::unasked;
  is_answered_ = true;
  if (!is_told_) {
    interval_ = std::min(interval_, max_interval);
    next_ = std::min(next_, polled_ + interval_);
  }
  const Duration shortest = shortest_interval(rtt);
  // A count that rose says that walking on is worth its while; where one ANNOUNCE covers all, and covers what
  // is wanted by now, it says nothing that the bits do not.
  const bool covers_front = words.first <= front_.first && front_.first < words.end();
  const bool is_elsewhere = news == News::gap || (news == News::count && (is_wide_ || !covers_front));
  if (is_elsewhere) {
    interval_ = shortest;
    next_ = std::min(next_, polled_ + soonest(rtt));
  } else if (news == News::chunks) {
    interval_ = shortest;
    next_ = is_told_ ? std::min(now + interval_, polled_ + renewal_interval)
                     : std::min(next_, polled_ + interval_);
  } else if (interval_ < shortest) {
    interval_ = shortest;
    next_ = polled_ + interval_;
  }
}

}  // namespace rgtp::packet
