// What stands behind Exposer and Surface.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include <rgtp/exposer.h>

#include "transport/exposed_surface.h"
#include "transport/handle_core.h"
#include "transport/memory_budget.h"
#include "transport/pending_list.h"

namespace rgtp::transport {

// Manifest::make() with chunks of `chunk_bytes`, unless that is 0.
[[nodiscard]] Result<Manifest> make_manifest(std::uint64_t size, std::string name, std::uint32_t chunk_bytes);

class ExposerCore : public HandleCore, public std::enable_shared_from_this<ExposerCore> {
 public:
  ExposerCore(EventLoop& loop, std::vector<std::shared_ptr<Transport>> transports,
              const ExposerOptions& options)
      : HandleCore(loop, std::move(transports), options.log),
        budget_(std::make_shared<MemoryBudget>(options.max_memory)),
        spill_directory_(options.spill_directory) {}

  // Any thread. `loop` is what the Surface will hold.
  Pending<Surface> expose(const std::shared_ptr<EventLoop>& loop, Source source, ExposeOptions options);
  // The Exposer goes: what is not finished is cancelled. Waits for a hand-over that is under way.
  void close();
  bool is_closed() const;

  // Loop's thread: offers a finished store on every transport that the route allows.
  [[nodiscard]] Result<std::shared_ptr<ExposedSurface>> offer(Prepared prepared,
                                                              const ExposeOptions& options);
  // Loop's thread: hands the Surface over, or withdraws it where the Exposer went. While it holds the loop
  // the Exposer stays, so that the loop's last holder is a handle of the user's and never this very thread,
  // which could not be joined then.
  void hand_over(const std::weak_ptr<EventLoop>& loop, std::shared_ptr<ExposedSurface> exposed,
                 detail::PendingState<Surface>& pending);
  // Memory from the first transport that offers the surface, or, of a sealed one that has no room there, a
  // file; and its share of the budget. Loop's thread.
  struct Allocated {
    std::shared_ptr<Region> region;
    std::shared_ptr<MemoryBudget::Share> memory;
  };
  [[nodiscard]] Result<Allocated> allocate(const Manifest& manifest, const ExposeOptions& options);
  // Any thread, as Exposer::begin().
  [[nodiscard]] Result<SurfaceWriter> begin(const std::shared_ptr<EventLoop>& loop, WriterOptions options);

 private:
  [[nodiscard]] Result<std::vector<Transport*>> offering(const ExposeOptions& options) const;
  [[nodiscard]] Result<Allocated> allocate_memory(Transport& transport, const Manifest& manifest,
                                                  const ExposeOptions& options);
  [[nodiscard]] Result<std::shared_ptr<ExposedSurface>> begin_on_loop(const WriterOptions& options);

  const std::shared_ptr<detail::CallbackGate> gate_ = std::make_shared<detail::CallbackGate>();
  const std::shared_ptr<MemoryBudget> budget_;
  const std::filesystem::path spill_directory_;
  PendingList<Surface> pending_;
  mutable std::recursive_mutex mutex_;  // recursive: a result that nobody takes may hold the Exposer
  bool closed_ = false;
};

}  // namespace rgtp::transport
