// The exposer's half of the protocol, without socket, clock or thread: a pure function of immutable surfaces
// and the datagrams that ask for them. It keeps nothing per puller.
//
//     engine.handle_datagram(now, peer, bytes);
//     while (engine.poll_transmit(now, train)) send(train);
//     while (auto read = engine.poll_read()) offload(read) ... engine.handle_read_done(...);
#pragma once

#include <deque>
#include <functional>
#include <unordered_map>
#include <variant>
#include <vector>

#include <rgtp/observer.h>
#include <rgtp/store.h>

#include "packet/announcement.h"
#include "packet/cookie.h"
#include "packet/refusal_budget.h"
#include "packet/request_queue.h"
#include "packet/train.h"

namespace rgtp::packet {

struct ExposerLimits {
  std::size_t waiting_answer_bytes = 1024 * 1024;  // what waiting requests may stand for
  std::size_t blocked_requests = 256;              // that wait for a disk
  std::size_t waiting_answers = 1024;              // MANIFEST, ANNOUNCE and REFUSE
  std::size_t remembered_withdrawals = 4096;       // for which pullers are told why, not `unknown`
  std::uint16_t slice_capacity = max_slice_bytes;  // the longest slice that the exposer's own network carries
};

class ExposerEngine {
 public:
  using Limits = ExposerLimits;

  ExposerEngine(std::span<const std::byte, 32> cookie_secret, const Limits& limits);

  // already_exposed where the id is taken.
  [[nodiscard]] Result<void> add(std::shared_ptr<const Store> store, std::shared_ptr<Observer> observer);
  // Pullers are told that it was withdrawn, or that it was aborted where its store says so now.
  void withdraw(const SurfaceId& id);

  void handle_datagram(TimePoint now, const Peer& peer, std::span<const std::byte> datagram);
  // The path to this peer did not take the train's datagrams: tells it to ask for shorter slices.
  void handle_too_large(TimePoint now, const Train& train);
  // Fills the next train. False where there is nothing to send now: the train then is empty and holds no
  // store.
  [[nodiscard]] bool poll_transmit(TimePoint now, Train& train);

  // A request whose bytes are not in memory. Calling read_ahead() on a worker thread brings them there; then
  // handle_read_done() on the engine's own puts the request back in line.
  struct BlockedRead {
    Request request;
    void read_ahead() const;
  };
  std::optional<BlockedRead> poll_read();
  void handle_read_done(BlockedRead read);

  bool has_work() const { return !answers_.empty() || !requests_.empty(); }

 private:
  struct Exposed {
    std::shared_ptr<const Store> store;
    std::shared_ptr<Observer> observer;
  };
  struct Answer {
    Peer peer;
    TimePoint asked;
    std::shared_ptr<Observer> observer;
    std::variant<ManifestAnswer, Announcement, Refuse> message;
  };

  void on_hello(TimePoint now, const Peer& peer, std::span<const std::byte> datagram);
  void on_pull(TimePoint now, const Peer& peer, std::span<const std::byte> datagram);
  void on_poll(TimePoint now, const Peer& peer, std::span<const std::byte> datagram);
  // The surface that a PULL or POLL is about, where cookie, check and id are right; else it was refused, or
  // dropped.
  template <class Message>
  const Exposed* admit(TimePoint now, const Peer& peer, const Message& message,
                       std::span<const std::byte> datagram);
  void answer_hello(TimePoint now, const Peer& peer, const Hello& hello, const Exposed& exposed,
                    const Published& published);
  void follow_hello(TimePoint now, const Peer& peer, const Hello& hello, const Exposed& exposed,
                    const Published& published);
  void enqueue(Request request);
  void block(Request request);
  void refuse(TimePoint now, const Peer& peer, RefusalBudget::Validated validated, Refuse refuse);
  const Exposed* find(TimePoint now, const Peer& peer, const SurfaceId& id, std::uint64_t pull_id,
                      std::uint32_t timestamp, RefusalBudget::Validated validated);
  void announce(TimePoint now, const Peer& peer, const Exposed& exposed, Announcement announcement);
  void announce_unpublished(TimePoint now, const Peer& peer, const Exposed& exposed, const PullRequest& pull);
  void answer(Answer answer);
  void fill_answer(TimePoint now, Train& train);
  enum class Filled { yes, blocked, failed };
  Filled fill(TimePoint now, Request& request, Train& train);

  const Limits limits_;
  CookieJar cookies_;
  RefusalBudget refusals_;
  std::unordered_map<SurfaceId, Exposed> exposed_;
  std::deque<std::pair<SurfaceId, Refusal>> withdrawn_;
  std::deque<Answer> answers_;
  RequestQueue requests_;
  std::deque<Request> blocked_;
  std::size_t reading_ = 0;  // handed out by poll_read()
};

}  // namespace rgtp::packet
