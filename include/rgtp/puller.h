// Pulling: a locator becomes bytes, in memory or in a file.
//
//     auto locator = rgtp::Locator::parse(text).value();
//     auto puller  = rgtp::Puller::open().value();
//     auto pull    = puller.pull(locator, {.into = "model.bin"});
//     auto view    = pull.complete().get().value();
//
// Where the exposer is on this host and the route allows it, a pull is a read-only mapping of the exposer's
// memory, made in the calling thread if the surface is finished; otherwise the bytes come by packets, always
// verified.
//
// All handles here are move-only and may be used and
// destroyed from any thread; two threads may not use one handle at the same time.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rgtp/log.h>
#include <rgtp/pending.h>
#include <rgtp/route.h>
#include <rgtp/stats.h>
#include <rgtp/transport.h>
#include <rgtp/view.h>

namespace rgtp {

struct PullerOptions {
  // A loop to share; by default the puller makes one with a thread of its own.
  std::shared_ptr<EventLoop> loop = nullptr;
  // By default those that come with the library.
  std::vector<std::shared_ptr<Transport>> transports = {};
  // Users of this host, beside this one and root, whose shared memory is mapped. Whoever owns memory can
  // change it and cut it short while it is read: trust a user only as you would trust one who writes your
  // input files. For the transports that come with the library; others are made with their own options.
  std::vector<uid_t> trust = {};
  Log log = {};
};

enum class Order {
  arrival,  // next() gives chunks as they come
  content,  // next() gives them from first to last
};

enum class IfExists { replace, refuse };

enum class Verify {
  copies,  // what came by packets or is copied to a file; memory that is only mapped is the kernel's to
           // protect
  // Mapped memory too, which costs one read of it. A pull in content order without `into` is given verified
  // copies then, which nobody can change afterwards.
  always,
};

// How get() waits for chunks of a surface that grows in memory of this host. Anything else is waited for as
// under `loop`.
enum class Wait {
  loop,  // until the event loop brings them, which serves callbacks and coroutines too
  // The calling thread waits on the memory itself, and no loop has a part in the pull: a chunk is in hand a
  // wake-up after it was published. It serves get() alone: then() and co_await give invalid_argument.
  block,
  // The same, behind looking at the memory without a pause for up to a millisecond: a chunk is in hand in
  // less time than a wake-up takes, and a processor is busy meanwhile that the writer may be in need of.
  spin,
};

struct Progress {
  std::uint64_t bytes = 0;  // there, of the range; never more than total
  std::uint64_t total = 0;  // for a surface that grows its capacity, until its final size is known
};

struct PullOptions {
  // A file to write; it appears under this name only when it is complete and verified. Otherwise memory.
  // Space is taken for the whole range before the first chunk, for a surface that grows under a capacity as
  // it comes.
  std::filesystem::path into = {};
  IfExists if_exists = IfExists::replace;
  Range range = {};
  Order order = Order::arrival;
  // How many bytes a pull in content order without `into` holds: a consumer that is slower than the network
  // makes it stop asking. At least two chunks.
  std::uint64_t window_bytes = 64 * 1024 * 1024;
  // A surface, or the part of it that `range` names, that is larger is too_large; one that grows, once that
  // much of it is there. For pulls that hold it all.
  std::uint64_t max_size = whole;
  Verify verify = Verify::copies;
  // Has pull() itself map every page of a surface that is whole in this host's memory, for which no loop is
  // needed (see `wait`), rather than have each mapped when it is first read: less time where that is much,
  // since a second thread helps, and for a file that is not cached the disk's.
  bool prefault = false;
  Route route = Route::automatic();
  // Without `into`, `on_progress` and Verify::always, which are the loop's work.
  Wait wait = Wait::loop;
  // Called on the loop's thread, as chunks are verified.
  std::function<void(const Progress&)> on_progress = {};
};

namespace transport {
class PullerCore;
class PullJob;
}  // namespace transport

// A pull under way. Destroying it cancels it; views that it gave stay valid.
class RGTP_EXPORT Pull {
 public:
  Pull(Pull&&) noexcept;
  Pull& operator=(Pull&&) noexcept;
  ~Pull();

  // The whole range, once every chunk of it is there and, with `into`, the file stands under its name. For a
  // pull in content order without `into`, which keeps only a window, invalid_argument.
  [[nodiscard]] Pending<View> complete();
  // The next chunk in the order of PullOptions::order, clipped to the range; nothing after the last. Chunks
  // that came before an error are given out before it. One next() at a time.
  [[nodiscard]] Pending<std::optional<View>> next();

  // What is being pulled: nothing before the manifest has come.
  std::optional<Manifest> manifest() const;
  // Which transport won: empty before the first chunk. stats() says why others were not taken.
  std::string transport() const;
  Stats stats() const;

 private:
  friend class Puller;
  Pull(std::shared_ptr<EventLoop> loop, std::shared_ptr<transport::PullerCore> core,
       std::shared_ptr<transport::PullJob> job);
  void cancel();

  std::shared_ptr<EventLoop> loop_;  // first, so that it is the last to go
  std::shared_ptr<transport::PullerCore> core_;
  std::shared_ptr<transport::PullJob> job_;
};

class RGTP_EXPORT Puller {
 public:
  // io_error where the system gives no loop, `closed` for a loop that is.
  [[nodiscard]] static Result<Puller> open(PullerOptions options = {});
  Puller(Puller&&) noexcept;
  Puller& operator=(Puller&&) noexcept;
  // Pulls under way go on for as long as their handles live.
  ~Puller();

  // Starts at once. Every error, a locator that no transport reaches included, comes through complete() and
  // next(): unknown_surface, withdrawn, denied, exposer_gone, timed_out, out_of_range, no_space, ...
  [[nodiscard]] Pull pull(Locator locator, PullOptions options = {});

 private:
  Puller(std::shared_ptr<EventLoop> loop, std::shared_ptr<transport::PullerCore> core);

  std::shared_ptr<EventLoop> loop_;
  std::shared_ptr<transport::PullerCore> core_;
};

}  // namespace rgtp
