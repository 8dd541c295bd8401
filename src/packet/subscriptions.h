// Pullers that wait for chunks, and are told without asking again: the one thing that an exposer keeps of
// them. Bounded and expiring; what is forgotten costs its puller a poll.
//
//     subscriptions.renew(now, peer, observer, announcement, rtt);      with the answer to a POLL
//     subscriptions.on_growth(store);                                   chunks were published
//     subscriptions.on_end(store, Refusal::withdrawn);                  none will be any more
//     while (auto news = subscriptions.poll(now)) send(*news);          next() says when there is more
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include <rgtp/observer.h>

#include "packet/address.h"
#include "packet/announcement.h"

namespace rgtp::packet {

class Subscriptions {
 public:
  static constexpr Duration lifetime = std::chrono::seconds(30);
  // From one ANNOUNCE to the next: to one puller, at least and beside a quarter of its round trip; to any.
  static constexpr Duration min_interval = std::chrono::milliseconds(1);
  static constexpr Duration pause = std::chrono::microseconds(20);

  struct News {
    Peer peer;
    std::shared_ptr<Observer> observer;
    Announcement announcement;
    std::optional<Refusal> end;  // in its stead; it holds no store then
  };

  explicit Subscriptions(std::size_t most) : most_(most) {}

  // A POLL of this peer is answered by this ANNOUNCE. Later ones tell of the same words, or still of earlier
  // ones where those are not all published: chunks that come in order are what is waited for. False where
  // there is no room.
  bool renew(TimePoint now, const Peer& peer, const std::shared_ptr<Observer>& observer,
             const Announcement& announcement, Duration rtt);
  void on_growth(const Store* store);
  // Told at once, whoever else waits for news: who takes the surface back may be about to end.
  void on_end(const Store* store, Refusal why);

  std::optional<News> poll(TimePoint now);
  // When poll() will have something; TimePoint::max() where nothing is due.
  TimePoint next() const;
  // Whether somebody is still to be told of an end.
  bool has_ends() const { return next() == TimePoint{}; }
  std::size_t size() const { return entries_.size(); }

 private:
  // Pull ids are random, and their pullers'.
  using Key = std::pair<std::uint64_t, Address>;
  struct Entry {
    News news;
    Duration interval;
    TimePoint told_at;
    TimePoint expires;
    std::optional<TimePoint> due;  // where there is news; else it is among the idle ones
  };
  using Entries = std::map<Key, Entry>;

  void schedule(Entries::iterator entry, TimePoint due);
  // Neither due nor idle.
  void unschedule(Entries::iterator entry);
  void forget(Entries::iterator entry);
  void forget_expired(TimePoint now);

  const std::size_t most_;
  Entries entries_;
  std::set<std::pair<TimePoint, Key>> due_;
  // By what they wait for, so that a chunk costs no look at those that know of one already.
  std::set<std::pair<const Store*, Key>> idle_;
  TimePoint next_;       // before which nobody is told anything
  TimePoint forgotten_;  // when it was last looked for what has expired
};

}  // namespace rgtp::packet
