// One surface being offered: what stands behind Surface and SurfaceWriter.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include <rgtp/pending.h>
#include <rgtp/transport.h>

#include "core/counters.h"
#include "core/surface_store.h"
#include "shm/local_name.h"
#include "transport/memory_budget.h"
#include "transport/sealed_loans.h"
#include "transport/surface_protection.h"

namespace rgtp::transport {

// What is offered: a store, and what goes with it.
struct Prepared {
  std::shared_ptr<core::SurfaceStore> store;
  SurfaceProtection protection = {};
  std::optional<Locator::Root> root = {};
  std::shared_ptr<MemoryBudget::Share> memory = {};
};

// Made and withdrawn on the loop's thread, where its exposures live; the rest may be called from any.
class ExposedSurface : public std::enable_shared_from_this<ExposedSurface> {
 public:
  ExposedSurface(EventLoop& loop, Prepared prepared, std::shared_ptr<core::Counters> counters,
                 std::vector<std::unique_ptr<Exposure>> exposures, std::shared_ptr<detail::CallbackGate> gate,
                 bool persistent);

  const Manifest& manifest() const { return store_->manifest(); }
  const Locator& locator() const { return locator_; }
  Stats stats() const { return counters_->snapshot(); }
  // Has the surface withdrawn when the loop closes; until then the loop keeps it alive, and withdraw() ends
  // that.
  static void withdraw_with_loop(const std::shared_ptr<ExposedSurface>& surface);
  void withdraw();
  // Access::decide()'s is not called any more, once this has returned. Any thread.
  void end_callbacks() {
    if (gate_ != nullptr) gate_->close();
  }
  // From now on withdraw() leaves it to stay. Any thread. invalid_argument unless it is persistent and
  // finished, closed where it was withdrawn with its loop.
  [[nodiscard]] Result<void> leave();
  // Before anybody has the surface. It may wait for other processes that take names: not on the loop's thread
  // where that can be helped.
  [[nodiscard]] Result<void> take_local_name(const ExposeOptions& options);

  // What a writer does, as its header says.
  [[nodiscard]] Result<std::span<std::byte>> loan(ChunkIndex chunk);
  [[nodiscard]] Result<void> publish(ChunkIndex chunk);
  [[nodiscard]] Result<void> finish(std::optional<std::uint64_t> size);
  void abort();

 private:
  Result<void> check_chunk(ChunkIndex chunk) const;
  // Bytes of a chunk that count for max_memory when it is loaned.
  std::uint64_t memory_of_loan(std::uint64_t length) const;
  Result<void> check_size(std::uint64_t size) const;
  Result<void> publish_loaned(ChunkIndex chunk);
  Result<void> publish_sealed(ChunkIndex chunk);
  // Of a chunk that was loaned: its memory, for who still writes to it.
  std::span<std::byte> loaned_memory(ChunkIndex chunk);
  // Tells the transports, on the loop, once for all that happens until then.
  void tell_growth();

  EventLoop& loop_;
  const std::shared_ptr<core::SurfaceStore> store_;
  const std::shared_ptr<core::Counters> counters_;
  const Locator locator_;
  // Of a surface that is sealed; none otherwise.
  struct Sealing {
    SurfaceProtection protection;
    SealedLoans loans;
  };
  const std::unique_ptr<Sealing> sealing_;
  const std::shared_ptr<MemoryBudget::Share> memory_;  // none where there is no limit
  core::ChunkBitmap loaned_;
  std::atomic<bool> growth_told_{false};
  std::vector<std::unique_ptr<Exposure>> exposures_;
  const std::shared_ptr<detail::CallbackGate> gate_;  // none where there is no callback
  const bool persistent_;
  enum class Fate { offered, left, withdrawn };  // the first thing that is decided holds
  std::atomic<Fate> fate_{Fate::offered};
  std::shared_ptr<shm::LocalName> local_name_;
  std::shared_ptr<void> closing_;
};

}  // namespace rgtp::transport
