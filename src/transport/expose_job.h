// One expose() under way: opens or copies the source and tags or seals its chunks on worker threads, piece by
// piece, then has it offered.
#pragma once

#include <memory>

#include "core/merkle.h"
#include "transport/exposer_core.h"

namespace rgtp::transport {

class ExposeJob : public std::enable_shared_from_this<ExposeJob> {
 public:
  // `loop` is held weakly: only handles keep a loop.
  ExposeJob(std::shared_ptr<ExposerCore> core, std::weak_ptr<EventLoop> loop, Source source,
            ExposeOptions options, std::shared_ptr<detail::PendingState<Surface>> pending);

  ~ExposeJob();
  ExposeJob(const ExposeJob&) = delete;
  ExposeJob& operator=(const ExposeJob&) = delete;

  // Loop's thread, on which it ends too.
  void start();

 private:
  // On the loop.
  void on_source_opened(Result<void> opened);
  void next_pieces();
  void on_stored(Result<void> stored);
  void check_source();
  void finish(Result<void> result);
  void end(Result<void> result);
  // On a worker.
  Result<void> open_source();
  Result<void> set_manifest(std::uint64_t size, std::string name);
  Result<void> store_piece(std::uint32_t first_chunk, std::uint32_t end_chunk);
  Result<void> publish_under_root();
  // A chunk's bytes as they are, in the surface's memory where that has any and holds them like that.
  Result<std::span<const std::byte>> bring(ChunkIndex chunk, std::vector<std::byte>& buffer);

  // Runs `work` on a worker and `then` with its result on the loop, unless the exposer or the loop went
  // meanwhile.
  template <class Work, class Then>
  void on_worker(Work work, Then then);

  const std::shared_ptr<ExposerCore> core_;
  const std::weak_ptr<EventLoop> loop_;
  const Source source_;
  const ExposeOptions options_;
  const std::shared_ptr<detail::PendingState<Surface>> pending_;
  Manifest manifest_;
  SurfaceProtection protection_;
  std::vector<core::Digest> leaves_;  // of a rooted one, which is published when all are there
  std::vector<core::Tag> tags_;
  std::optional<Locator::Root> root_;
  std::shared_ptr<Region> original_;  // the file that is copied, until it is
  std::shared_ptr<Region> region_;    // a file's from the start, memory once it is allocated
  std::shared_ptr<MemoryBudget::Share> memory_;
  std::shared_ptr<core::SurfaceStore> store_;
  std::shared_ptr<ExposedSurface> exposed_;  // until somebody takes it
  std::uint32_t begun_ = 0;                  // chunks that a worker has or had
  std::uint32_t running_ = 0;                // pieces that workers have
  Result<void> result_;                      // the first failure of one
  std::shared_ptr<void> closing_;            // until it is finished
};

}  // namespace rgtp::transport
