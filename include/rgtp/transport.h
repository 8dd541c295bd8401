// The interface of a transport: a way to make the bits of a pull's surface become set.
//
// A third transport subclasses Transport, is passed in ExposerOptions and PullerOptions, and passes the
// conformance suite. Everything here happens on the loop's thread, and nothing may block it. The loop is kept
// alive by the user's handles, never by a transport: whoever is the last to hold a loop joins its thread.
//
// A pull, from the transport's side:
//
//     sink.on_manifest(manifest)            once, first
//     sink.adopt(store)                     the transport has the bytes in memory of its own and offers them;
//                                           if taken, on_chunk(i) for every chunk published after that
//     sink.copy_from(store)                 the same, where they are not taken but copied
//     sink.place(i), fill, sink.on_chunk(i) otherwise, chunk by chunk, in any order
//     sink.on_final_size(n)                 once for a surface whose manifest says size_pending
//     sink.on_end(error)                    once, last, where it cannot go on
//
// The sink destroys the fetch as soon as it has all it wants. Where the bytes are in memory already and all
// there, open() gives them at once, in the calling thread, and no loop has a part in the pull.
#pragma once

#include <optional>
#include <string_view>

#include <rgtp/access.h>
#include <rgtp/event_loop.h>
#include <rgtp/locator.h>
#include <rgtp/observer.h>
#include <rgtp/store.h>

namespace rgtp {

// Where a transport puts what it receives of one chunk. The spans stay valid until on_chunk() for it returns
// `good` or the fetch ends, whichever comes first: through `again`, and while the chunk is not wanted.
struct Placement {
  std::span<std::byte> bytes;
  std::span<std::byte> trailer;
};

// What an exposer says of a surface, and others may in its place.
struct Description {
  Manifest manifest;
  std::optional<FinalSize> end = {};  // where it is known
  TreeHead tree_head = {};
};

enum class ChunkVerdict {
  good,   // verified and available
  again,  // failed verification: fetch it once more
};

// The receiving end of a pull: the core's pull state, seen by a transport.
class RGTP_EXPORT Sink {
 public:
  virtual ~Sink();

  // Whether this is the surface's, as far as the locator's key and root tell. A transport that cannot tell
  // who it hears passes over what is not, and lets on_manifest() end the fetch only where it hears nothing
  // else.
  virtual bool recognizes(const Description& /*description*/) const { return true; }
  // An error ends the fetch: the transport stops and calls nothing more.
  [[nodiscard]] virtual Result<void> on_manifest(const Manifest& manifest) = 0;
  // Offers the transport's own memory. False: the pull has storage of its own, to be filled through place().
  [[nodiscard]] virtual bool adopt(std::shared_ptr<const Store> store) = 0;
  // Offers the same to be copied from, by the sink itself and at its own pace: on_chunk(i) says what is
  // published.
  [[nodiscard]] virtual bool copy_from(const std::shared_ptr<const Store>& /*store*/) { return false; }
  // Where the chunk goes; nothing where it is not wanted now or is there already. The same place is returned
  // until the chunk is verified.
  virtual std::optional<Placement> place(ChunkIndex chunk) = 0;
  // The chunk's placement is full, or, after adopt(), the chunk is published.
  virtual ChunkVerdict on_chunk(ChunkIndex chunk) = 0;
  // Whether the surface's first chunks are wanted, and have a place as soon as on_manifest() returns: a
  // transport may ask for them together with the manifest.
  virtual bool takes_beginning() const { return true; }
  // The chunks to fetch now, lowest first; those that are there already count as fetched. It changes as the
  // consumer goes on: then Fetch::want_changed() is called.
  virtual ChunkRange wanted() const = 0;
  // The size of a surface that was growing, known now. Chunks behind it will not come. An error ends the
  // fetch.
  [[nodiscard]] virtual Result<void> on_final_size(const FinalSize& size) = 0;
  // No more will come. Nothing may be called afterwards.
  virtual void on_end(Error error) = 0;
  // Where the transport reports what happens.
  virtual Observer& observer() = 0;
};

// A pull under way. Destroying it cancels: no sink call follows. Not inside a call to the sink.
class RGTP_EXPORT Fetch {
 public:
  virtual ~Fetch();
  // Sink::wanted() returns something else now.
  virtual void want_changed() = 0;
};

// A pull of a surface that grows in memory, brought on by threads that wait for it (PullOptions::wait) and by
// no loop. Destroying it cancels.
class RGTP_EXPORT Follower {
 public:
  virtual ~Follower();
  // Calls the sink, in this thread, with all that there is to tell. What it returns says how far that was.
  // One call at a time.
  virtual std::uint32_t advance() = 0;
  // Until there may be more than advance() told when it returned `seen`, or stop() is called, and for a
  // quarter of a second at most; for up to `spin` without giving the processor away. Any thread. The error
  // that ends the pull, where nothing more has come or can.
  [[nodiscard]] virtual Result<void> wait(std::uint32_t seen, Duration spin) = 0;
  // Any thread. No wait() lasts any longer.
  virtual void stop() = 0;
};

// On what terms a surface is offered.
struct Offer {
  Access access = Access::owner();
  bool persistent = false;  // as ExposeOptions::persistent, for transports that can
};

// A surface being offered. Destroying it withdraws.
class RGTP_EXPORT Exposure {
 public:
  virtual ~Exposure();
  // What a puller needs to find the surface through this transport.
  virtual Locator locator() const = 0;
  // The store has grown, or ended: more chunks, its final size, another state. May come late and for several
  // at once.
  virtual void on_growth() = 0;
  // Of a persistent surface that is finished: it stays when this is destroyed.
  virtual void leave() {}
};

class RGTP_EXPORT Transport {
 public:
  virtual ~Transport();

  // How routes name it: "udp", "shm", "inproc". Lower-case letters and digits.
  virtual std::string_view name() const = 0;
  // Whether pull() of this locator could work, judged by its text alone.
  virtual bool can_reach(const Locator& locator) const = 0;
  // Whether the kernel keeps those out whom an Access does not name.
  virtual bool enforces_access() const { return false; }
  // Whether a persistent surface stays when its process is gone.
  virtual bool keeps_surfaces() const { return false; }

  // What the transport keeps on a loop for as long as somebody may expose or pull there: sockets, caches.
  // Taken, on any thread, when a handle opens there, and let go on the loop's thread after the last.
  [[nodiscard]] virtual std::shared_ptr<void> attach(EventLoop& loop);

  // Memory for a surface's bytes, asked of the first transport in the route only.
  [[nodiscard]] virtual Result<std::shared_ptr<Region>> allocate(const Manifest& manifest,
                                                                 const Offer& offer) = 0;
  // Whether a surface whose bytes are there can be offered, wherever they came from.
  virtual bool can_offer(const Region& /*region*/) const { return true; }
  // The store grows, or is finished. Access counts where enforces_access().
  [[nodiscard]] virtual Result<std::unique_ptr<Exposure>> expose(std::shared_ptr<const Store> store,
                                                                 const Offer& offer, EventLoop& loop,
                                                                 std::shared_ptr<Observer> observer) = 0;
  // The surface itself where this transport has its bytes in memory and all of them are published. Any
  // thread; never waits. Nothing where pull() is to be used; an error where pull() would end with it.
  [[nodiscard]] virtual Result<std::shared_ptr<const Store>> open(const Locator& /*locator*/,
                                                                  EventLoop& /*loop*/) {
    return std::shared_ptr<const Store>();
  }
  // A pull of what open() does not give because it grows. Any thread; never waits. The sink adopts, and
  // outlives the follower. Nothing, or an error, where pull() is to be used.
  [[nodiscard]] virtual Result<std::unique_ptr<Follower>> follow(const Locator& /*locator*/, Sink& /*sink*/,
                                                                 EventLoop& /*loop*/) {
    return std::unique_ptr<Follower>();
  }
  // The sink outlives the fetch. Errors that are known at once are returned, later ones go to on_end().
  [[nodiscard]] virtual Result<std::unique_ptr<Fetch>> pull(const Locator& locator, Sink& sink,
                                                            EventLoop& loop) = 0;
};

}  // namespace rgtp
