// What stands behind Exposer and Surface.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include <rgtp/exposer.h>

#include "core/counters.h"
#include "core/surface_store.h"
#include "transport/handle_core.h"
#include "transport/pending_list.h"

namespace rgtp::transport {

// One surface being offered. Made on the loop's thread; what is const may be read from any.
class ExposedSurface {
 public:
  ExposedSurface(std::shared_ptr<core::SurfaceStore> store, std::shared_ptr<core::Counters> counters,
                 Locator locator, std::vector<std::unique_ptr<Exposure>> exposures)
      : store_(std::move(store)),
        counters_(std::move(counters)),
        locator_(std::move(locator)),
        exposures_(std::move(exposures)) {}

  const Manifest& manifest() const { return store_->manifest(); }
  const Locator& locator() const { return locator_; }
  Stats stats() const { return counters_->snapshot(); }
  // Loop's thread. Withdraws when the loop closes; until then the loop keeps it alive, and withdraw() ends
  // that.
  static void withdraw_with(EventLoop& loop, const std::shared_ptr<ExposedSurface>& surface) {
    surface->closing_ = loop.on_closing([surface] { surface->withdraw(); });
  }
  void withdraw() {
    exposures_.clear();
    closing_.reset();
  }

 private:
  const std::shared_ptr<core::SurfaceStore> store_;
  const std::shared_ptr<core::Counters> counters_;
  const Locator locator_;
  std::vector<std::unique_ptr<Exposure>> exposures_;
  std::shared_ptr<void> closing_;
};

class ExposerCore : public HandleCore, public std::enable_shared_from_this<ExposerCore> {
 public:
  using HandleCore::HandleCore;

  // Any thread. `loop` is what the Surface will hold.
  Pending<Surface> expose(const std::shared_ptr<EventLoop>& loop, Source source, ExposeOptions options);
  // The Exposer goes: what is not finished is cancelled. Waits for a hand-over that is under way.
  void close();
  bool is_closed() const;

  // Loop's thread: offers a finished store on every transport that the route allows, and hands the Surface
  // over, unless the Exposer went. While it holds the loop the Exposer stays, so that the loop's last holder
  // is a handle of the user's and never this very thread, which could not be joined then.
  void hand_over(const std::weak_ptr<EventLoop>& loop, std::shared_ptr<core::SurfaceStore> store,
                 const Route& route, detail::PendingState<Surface>& pending);
  // The transport that provides memory.
  [[nodiscard]] Result<std::shared_ptr<Region>> allocate(const Manifest& manifest, const Route& route);

 private:
  [[nodiscard]] Result<Surface> offer(std::shared_ptr<EventLoop> loop,
                                      std::shared_ptr<core::SurfaceStore> store, const Route& route);

  const std::shared_ptr<detail::CallbackGate> gate_ = std::make_shared<detail::CallbackGate>();
  PendingList<Surface> pending_;
  mutable std::recursive_mutex mutex_;  // recursive: a result that nobody takes may hold the Exposer
  bool closed_ = false;
};

}  // namespace rgtp::transport
