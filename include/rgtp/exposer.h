// Exposing: give bytes to the library once, hand the locator to whoever may pull them.
//
//     auto exposer = rgtp::Exposer::open().value();
//     auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
//     std::puts(surface.locator().reveal().c_str());
//
// An exposer keeps no state per puller. All handles here are move-only and may be used and destroyed from any
// thread; two threads may not use one handle at the same time.
#pragma once

#include <memory>
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
  // By default those that come with the library: UDP on 127.0.0.1 and a free port.
  std::vector<std::shared_ptr<Transport>> transports = {};
  Log log = {};
};

struct ExposeOptions {
  // What pullers are told and may use as a file name; by default the file's own. At most 255 bytes.
  std::string name = {};
  // Size of a chunk: a power of two from 4 KiB to 16 MiB, or 0 for 64 KiB and more where the surface needs
  // it.
  std::uint32_t chunk_bytes = 0;
  Route route = Route::automatic();
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

 private:
  friend class transport::ExposerCore;
  Surface(std::shared_ptr<EventLoop> loop, std::shared_ptr<transport::ExposerCore> core,
          std::shared_ptr<transport::ExposedSurface> surface);
  void withdraw();

  std::shared_ptr<EventLoop> loop_;  // first, so that it is the last to go
  std::shared_ptr<transport::ExposerCore> core_;
  std::shared_ptr<transport::ExposedSurface> surface_;
};

class RGTP_EXPORT Exposer {
 public:
  [[nodiscard]] static Result<Exposer> open(ExposerOptions options = {});
  Exposer(Exposer&&) noexcept;
  Exposer& operator=(Exposer&&) noexcept;
  // Cancels what expose() has not finished. Surfaces stay exposed for as long as their handles live.
  ~Exposer();

  // Reads or copies the source and tags its chunks on worker threads, then offers it. Errors: not_found,
  // denied, io_error (the file), source_changed (it changed while it was read), too_large, address_in_use.
  [[nodiscard]] Pending<Surface> expose(Source source, ExposeOptions options = {});

 private:
  Exposer(std::shared_ptr<EventLoop> loop, std::shared_ptr<transport::ExposerCore> core);
  void close();

  std::shared_ptr<EventLoop> loop_;
  std::shared_ptr<transport::ExposerCore> core_;
};

}  // namespace rgtp
