// The store of this library's own surfaces: a region, a trailer per chunk, and the bitmap that says which are
// published.
#pragma once

#include <atomic>
#include <vector>

#include <rgtp/store.h>

#include "core/bitmap.h"
#include "core/digest.h"

namespace rgtp::core {

// publish() may be called from any thread, for different chunks at once.
class SurfaceStore : public Store {
 public:
  // The region holds the surface's bytes, manifest.size of them.
  SurfaceStore(Manifest manifest, std::shared_ptr<Region> region);

  const Manifest& manifest() const override { return manifest_; }
  bool has(ChunkIndex chunk) const override { return bitmap_.test(chunk.value); }
  std::uint32_t published() const override { return published_.load(std::memory_order_acquire); }
  Result<ReadStatus> read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                          ReadMode mode) const override;
  std::span<const std::byte> mapped() const override { return region_->mapped(); }
  std::span<const std::byte> trailer(ChunkIndex chunk) const override;
  Result<void> check_unchanged() const override { return region_->check_unchanged(); }

  // Makes the chunk available. Its bytes are in the region; `tag` is theirs. Once per chunk.
  void publish(ChunkIndex chunk, const Tag& tag);

 private:
  const Manifest manifest_;
  const std::shared_ptr<Region> region_;
  std::vector<std::byte> trailers_;
  ChunkBitmap bitmap_;
  std::atomic<std::uint32_t> published_{0};
};

}  // namespace rgtp::core
