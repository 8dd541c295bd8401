// Exposing: give bytes to the library once, hand the locator to whoever may pull them.
//
//     auto exposer = rgtp::Exposer::open().value();
//     auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
//     std::puts(surface.locator().reveal().c_str());
//
// Bytes are copied into shared memory, from where pullers on this host map them and others are sent them; a
// file stays where it is. A surface may also be written piece by piece, and pulled while it grows:
//
//     auto writer = exposer.begin({.size = n}).value();
//     tell(writer.locator());
//     for (rgtp::ChunkIndex i{0}; i.value < writer.manifest().chunk_count(); ++i.value) {
//       fill(writer.loan(i).value());
//       if (auto done = writer.publish(i); !done) return done.error();
//     }
//     auto surface = std::move(writer).finish().value();
//
// An exposer keeps no state per puller. All handles here are move-only and may be used and destroyed from any
// thread; two threads may not use one handle at the same time.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <rgtp/log.h>
#include <rgtp/pending.h>
#include <rgtp/route.h>
#include <rgtp/source.h>
#include <rgtp/stats.h>
#include <rgtp/transport.h>

namespace rgtp {

struct ExposerOptions {
  // A loop to share; by default the exposer makes one with a thread of its own.
  std::shared_ptr<EventLoop> loop = nullptr;
  // By default those that come with the library: shared memory where this host has /dev/shm, and UDP on
  // 127.0.0.1 and a free port.
  std::vector<std::shared_ptr<Transport>> transports = {};
  // Bytes of surfaces, with their trailers, that may stand in memory, all of this exposer's together. Of a
  // surface under a capacity what was loaned counts; of a sealed one that is written, what is loaned and not
  // published yet counts once more. Files that are exposed in place do not count, nor what is kept about
  // them, nor what waits to be used again (ShmOptions::recycled_segments). What is more is no_space, or, of a
  // sealed surface, kept in a file.
  std::uint64_t max_memory = whole;
  // Where sealed bytes are kept, in files without a name, that memory has no room for. Offered by packets
  // alone.
  std::filesystem::path spill_directory = "/var/tmp";
  Log log = {};
};

struct ExposeOptions {
  // What pullers are told and may use as a file name; by default the file's own. At most 255 bytes.
  std::string name = {};
  // Size of a chunk: a power of two from 4 KiB to 16 MiB, or 0 for 64 KiB and more where the surface needs
  // it.
  std::uint32_t chunk_bytes = 0;
  Route route = Route::automatic();
  // Under `sealed` the bytes are encrypted once, now, under a key that stands in the locator and nowhere
  // else, and what is kept, mapped and sent is that: whoever has no locator reads nothing and can forge
  // nothing. A file is read and its bytes are kept encrypted, in memory or, beyond ExposerOptions::max_memory
  // or where there is no room, in a file without a name.
  Protection protection = Protection::checksum;
  // Of a sealed surface; by default the one that this processor is fast at. Pullers take either.
  CipherSuite suite = CipherSuite::none;
  // The locator then names the content by a hash of all of it (a Merkle root): pullers take no other, even
  // from somebody who has the key. invalid_argument for a surface that grows.
  bool rooted = false;
  // Who may map the surface's memory; by default this user alone. A surface that is given an access, and is
  // not sealed, is offered by memory alone under Route::automatic(): whoever is refused would fetch the same
  // bytes by packets. A route that is named is taken as it is, and access governs memory alone.
  std::optional<Access> access = {};
  // Once finished it stays in this host's memory when this process is gone, in whatever way: pulled by
  // memory as before, until its Surface is destroyed, or `rgtp gc --persistent` or clear_host() removes it
  // when its process is gone. A file is not copied: it has to stay as it is. For routes by memory.
  bool persistent = false;
  // Also found under rgtp://local/<name> by processes of this user on this host, as Locator::local() takes
  // it. The newest surface of a name has it. What stands there of a sealed one is its locator without the
  // key, to be pulled as rgtp://local/<name>#k=<key>.
  std::string local_name = {};
  // The key too stands there: in a file that only this user, and root, can read.
  bool key_in_local_name = false;
};

struct WriterOptions {
  // One of these: how many bytes there will be, or the most that there can be.
  std::optional<std::uint64_t> size = {};
  std::optional<std::uint64_t> capacity = {};
  ExposeOptions expose = {};
};

namespace transport {
class ExposerCore;
class ExposedSurface;
}  // namespace transport

// A surface being offered. Destroying it withdraws it, as soon as the loop comes to it: pulls under way end
// with `withdrawn`, later ones find nothing.
class RGTP_EXPORT Surface {
 public:
  Surface(Surface&&) noexcept;
  Surface& operator=(Surface&&) noexcept;
  ~Surface();

  // What a puller needs. Whoever has it may pull.
  const Locator& locator() const;
  const Manifest& manifest() const;
  Stats stats() const;

  // Leaves a persistent surface to stay, instead of withdrawing it. From now on it may be removed as one of a
  // process that has ended: at the latest when this one has, at once where nothing else here is exposed.
  // invalid_argument for one that is not persistent, `closed` where its loop is.
  [[nodiscard]] Result<void> leave() &&;

 private:
  friend class transport::ExposerCore;
  friend class SurfaceWriter;
  Surface(std::shared_ptr<EventLoop> loop, std::shared_ptr<transport::ExposerCore> core,
          std::shared_ptr<transport::ExposedSurface> surface);
  void withdraw();

  std::shared_ptr<EventLoop> loop_;  // first, so that it is the last to go
  std::shared_ptr<transport::ExposerCore> core_;
  std::shared_ptr<transport::ExposedSurface> surface_;
};

// A surface that is being written. loan() and publish() may be called from any thread, for different chunks
// at once. Destroying a writer that was not finished ends its pulls with `aborted`: by memory behind the
// chunks that were published, by packets as soon as the exposer says so.
class RGTP_EXPORT SurfaceWriter {
 public:
  SurfaceWriter(SurfaceWriter&&) noexcept;
  SurfaceWriter& operator=(SurfaceWriter&&) noexcept;
  ~SurfaceWriter();

  const Locator& locator() const;
  const Manifest& manifest() const;
  Stats stats() const;

  // The chunk's memory, to be filled before publish(), whatever it holds (ShmOptions::recycled_segments); the
  // same until then. Under a capacity every chunk has its full length. Errors: out_of_range, no_space,
  // invalid_argument for a chunk that is published.
  [[nodiscard]] Result<std::span<std::byte>> loan(ChunkIndex chunk);
  // Makes a chunk available to pullers; it is never written again. Once per chunk, in any order. Under a
  // capacity the chunk counts whole: the last one, where it is not full, is left to finish(). Errors:
  // out_of_range, invalid_argument for a second time.
  [[nodiscard]] Result<void> publish(ChunkIndex chunk);
  // No more will come. With a size every chunk is published; under a capacity, `size` is how many bytes there
  // are, and what is left of the last chunk is published now. invalid_argument where chunks are missing or
  // too many, and the writer stays as it was.
  [[nodiscard]] Result<Surface> finish() &&;
  [[nodiscard]] Result<Surface> finish(std::uint64_t size) &&;

 private:
  friend class transport::ExposerCore;
  explicit SurfaceWriter(Surface surface);
  void abort();

  std::optional<Surface> surface_;  // none once it is finished or moved from
};

class RGTP_EXPORT Exposer {
 public:
  // io_error where the system gives no loop, `closed` for a loop that is.
  [[nodiscard]] static Result<Exposer> open(ExposerOptions options = {});
  Exposer(Exposer&&) noexcept;
  Exposer& operator=(Exposer&&) noexcept;
  // Cancels what expose() has not finished. Surfaces stay exposed for as long as their handles live.
  ~Exposer();

  // Reads or copies the source and tags its chunks on worker threads, then offers it. Errors: not_found,
  // denied, io_error (the file, or the limit on descriptors), source_changed (it changed while it was read),
  // too_large, no_space, invalid_argument (an option), no_route, address_in_use.
  [[nodiscard]] Pending<Surface> expose(Source source, ExposeOptions options = {});
  // Offers a surface that is written while it is pulled. Any thread; from another one than the loop's it
  // waits for the loop. Errors: those of expose() that do not concern files.
  [[nodiscard]] Result<SurfaceWriter> begin(WriterOptions options);

 private:
  Exposer(std::shared_ptr<EventLoop> loop, std::shared_ptr<transport::ExposerCore> core);
  void close();

  std::shared_ptr<EventLoop> loop_;
  std::shared_ptr<transport::ExposerCore> core_;
};

}  // namespace rgtp
