// The exposer's half of the protocol, without socket, clock or thread: a pure function of immutable surfaces
// and the datagrams that ask for them. It keeps nothing per puller but of those who wait for chunks.
//
//     engine.handle_datagram(arrived, peer, bytes);
//     while (engine.poll_transmit(now, train)) send(train);       and again at poll_timeout()
//     while (auto read = engine.poll_read()) offload(read) ... engine.handle_read_done(now, ...);
//
// All times are of one clock. A train that a socket does not take stays with the driver; what waits behind it
// stays here, and ages.
#pragma once

#include <algorithm>
#include <optional>

#include "packet/cookie.h"
#include "packet/exposed_surfaces.h"
#include "packet/exposer_output.h"
#include "packet/subscriptions.h"

namespace rgtp::packet {

class ExposerEngine {
 public:
  using Limits = ExposerLimits;
  using BlockedRead = packet::BlockedRead;

  ExposerEngine(std::span<const std::byte, 32> cookie_secret, const Limits& limits);

  // already_exposed where the id is taken.
  [[nodiscard]] Result<void> add(std::shared_ptr<const Store> store, std::shared_ptr<Observer> observer) {
    return surfaces_.add(std::move(store), std::move(observer));
  }
  // Pullers are told that it was withdrawn, or that it was aborted where its store says so now. Nothing that
  // waits here holds its store any longer.
  void withdraw(const SurfaceId& id);
  // Chunks of it were published, or it was finished or aborted: who waits for it is told.
  void handle_growth(const SurfaceId& id);

  // `arrived` is when the datagram came to this host, which may be a while ago: service delay and age count
  // from there.
  void handle_datagram(TimePoint arrived, const Peer& peer, std::span<const std::byte> datagram);
  // The path to this peer did not take the train's datagrams: tells it to ask for shorter slices.
  void handle_too_large(TimePoint now, const Train& train);
  // Fills the next train. False where there is nothing to send now: the train then is empty and holds no
  // store.
  [[nodiscard]] bool poll_transmit(TimePoint now, Train& train);
  // When there may be something to send that no datagram asks for; TimePoint::max() for never.
  TimePoint poll_timeout() const { return std::min(subscriptions_.next(), output_.next()); }
  // Whether pullers are still to be told that their surface was taken back: whoever did that may be about to
  // end, and they are not to wait for the next turn.
  bool has_ends_to_tell() const { return subscriptions_.has_ends(); }

  // A request whose bytes are not in memory. Calling read_ahead() on a worker thread brings them there; then
  // handle_read_done() on the engine's own puts the request back in line. Its age counts from then.
  std::optional<BlockedRead> poll_read() { return output_.poll_read(); }
  void handle_read_done(TimePoint now, BlockedRead read);

  bool has_work() const { return output_.has_work(); }

 private:
  void on_hello(TimePoint arrived, const Peer& peer, std::span<const std::byte> datagram);
  void on_pull(TimePoint arrived, const Peer& peer, std::span<const std::byte> datagram);
  void on_poll(TimePoint arrived, const Peer& peer, std::span<const std::byte> datagram);
  // The surface that a PULL or POLL is about, where cookie, check and id are right; else it was refused, or
  // dropped.
  template <class Message>
  const Exposed* admit(TimePoint arrived, const Peer& peer, const Message& message,
                       std::span<const std::byte> datagram);
  const Exposed* find(TimePoint arrived, const Peer& peer, const SurfaceId& id, const Refuse& echo,
                      RefusalBudget::Validated validated);
  void answer_hello(TimePoint arrived, const Peer& peer, const Hello& hello, const Exposed& exposed,
                    const Published& published);
  void follow_hello(TimePoint arrived, const Peer& peer, const Hello& hello, const Exposed& exposed,
                    const Published& published);
  void tell(TimePoint now, Subscriptions::News news);
  void announce(TimePoint arrived, const Peer& peer, const std::shared_ptr<Observer>& observer,
                Announcement announcement);
  void announce_unpublished(TimePoint arrived, const Peer& peer, const Exposed& exposed,
                            const PullRequest& pull);

  const std::uint16_t slice_capacity_;
  CookieJar cookies_;
  ExposedSurfaces surfaces_;
  Subscriptions subscriptions_;
  bool told_last_ = false;  // news, in the last poll_transmit()
  ExposerOutput output_;
};

}  // namespace rgtp::packet
