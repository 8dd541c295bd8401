#include "packet/subscriptions.h"

#include <algorithm>
#include <utility>

namespace rgtp::packet {

namespace {

// Before everything else.
constexpr TimePoint at_once{};
// At most as often all entries are looked at to make room.
constexpr Duration forget_interval = std::chrono::seconds(1);

}  // namespace

bool Subscriptions::renew(TimePoint now, const Peer& peer, const std::shared_ptr<Observer>& observer,
                          const Announcement& announcement, Duration rtt) {
  const Key key{announcement.pull_id, peer.remote};
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= most_) forget_expired(now);
    if (entries_.size() >= most_) return false;
    found = entries_.emplace(key, Entry{}).first;
  }
  Entry& entry = found->second;
  unschedule(found);
  const Announcement before = std::exchange(entry.news, {peer, observer, announcement, {}}).announcement;
  Announcement& next = entry.news.announcement;
  next.subscribed = true;
  // What is published from now on may come behind the answer.
  next.known = next.store->published();
  if (before.store == next.store && before.words.first < next.words.first && !before.shows_all())
    next.words = before.words;
  entry.interval = std::max(min_interval, rtt / 4);
  entry.told_at = now;
  entry.expires = now + lifetime;
  idle_.emplace(next.store.get(), key);
  return true;
}

void Subscriptions::on_growth(const Store* store) {
  for (auto idle = idle_.lower_bound({store, Key{}}); idle != idle_.end() && idle->first == store;) {
    const auto entry = entries_.find(idle->second);
    ++idle;
    schedule(entry, entry->second.told_at + entry->second.interval);
  }
}

void Subscriptions::on_end(const Store* store, Refusal why) {
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    News& news = entry->second.news;
    if (news.announcement.store.get() != store) continue;
    schedule(entry, at_once);
    news.announcement.store = nullptr;
    news.end = why;
  }
}

void Subscriptions::schedule(Entries::iterator entry, TimePoint due) {
  unschedule(entry);
  entry->second.due = due;
  due_.emplace(due, entry->first);
}

std::optional<Subscriptions::News> Subscriptions::poll(TimePoint now) {
  while (!due_.empty() && now >= next()) {
    const auto found = entries_.find(due_.begin()->second);
    Entry& entry = found->second;
    if (entry.expires < now) {
      forget(found);
      continue;
    }
    if (!entry.news.end) next_ = std::max(next_, now - min_interval) + pause;
    unschedule(found);
    entry.told_at = now;
    News news = entry.news;
    const bool is_last = news.end || news.announcement.store->state() != SurfaceState::growing;
    entry.news.announcement.known = is_last ? 0 : news.announcement.store->published();
    if (is_last)
      entries_.erase(found);
    else
      idle_.emplace(news.announcement.store.get(), found->first);
    return news;
  }
  return std::nullopt;
}

TimePoint Subscriptions::next() const {
  if (due_.empty()) return TimePoint::max();
  const TimePoint first = due_.begin()->first;
  return first == at_once ? first : std::max(first, next_);
}

void Subscriptions::unschedule(Entries::iterator entry) {
  if (const auto due = std::exchange(entry->second.due, std::nullopt))
    due_.erase({*due, entry->first});
  else
    idle_.erase({entry->second.news.announcement.store.get(), entry->first});
}

void Subscriptions::forget(Entries::iterator entry) {
  unschedule(entry);
  entries_.erase(entry);
}

void Subscriptions::forget_expired(TimePoint now) {
  if (now < forgotten_ + forget_interval) return;
  forgotten_ = now;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (entry->second.expires < now) forget(entry);
    entry = next;
  }
}

}  // namespace rgtp::packet
