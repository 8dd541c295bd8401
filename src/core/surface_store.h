// The store of this library's own surfaces: a region, a trailer per chunk, and the bitmap that says which are
// published.
#pragma once

#include <atomic>
#include <vector>

#include <rgtp/store.h>

#include "core/bitmap.h"
#include "core/digest.h"

namespace rgtp::core {

// publish() may be called from any thread, for different chunks at once. It begins as growing and ends by
// end().
class SurfaceStore : public Store {
 public:
  // The region holds manifest.stored_bytes().
  SurfaceStore(Manifest manifest, std::shared_ptr<Region> region);

  const Manifest& manifest() const override { return manifest_; }
  const Region& region() const override { return *region_; }
  Region& region() { return *region_; }
  bool has(ChunkIndex chunk) const override { return bitmap_.test(chunk.value); }
  std::uint64_t has_word(std::uint32_t word) const override { return bitmap_.word(word); }
  std::uint32_t published() const override { return published_.load(std::memory_order_acquire); }
  SurfaceState state() const override { return state_.load(std::memory_order_acquire); }
  std::optional<std::uint64_t> final_size() const override;
  Result<ReadStatus> read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                          ReadMode mode) const override;

  EndTag end_tag() const override { return end_tag_; }
  TreeHead tree_head() const override { return tree_head_; }

  // The trailer of a published chunk.
  std::span<const std::byte> trailer(ChunkIndex chunk) const;

  // The chunk is the caller's to write and to publish from now on, for good. False where it is somebody's
  // already: so nothing is ever sealed twice.
  bool claim(ChunkIndex chunk) { return claimed_.set(chunk.value); }
  bool is_claimed(ChunkIndex chunk) const { return claimed_.test(chunk.value); }
  // Makes a claimed chunk available. Its bytes are in the region; the trailer is theirs.
  void publish_claimed(ChunkIndex chunk, std::span<const std::byte> trailer);
  // Both, of a chunk whose trailer is a tag. False where it was claimed before, which changes nothing.
  bool publish(ChunkIndex chunk, const Tag& tag);
  // Before the chunk that holds the end is published, once; only for a manifest that says size_pending.
  void set_final_size(const FinalSize& size);
  // Before the store is offered.
  void set_tree_head(const TreeHead& head) { tree_head_ = head; }
  // The first end counts.
  void end(SurfaceState state);

 private:
  static constexpr std::uint64_t unknown_size = ~std::uint64_t{0};

  const Manifest manifest_;
  const std::shared_ptr<Region> region_;
  std::vector<std::byte> own_trailers_;  // empty where the region has room for them
  std::span<std::byte> trailers_;
  ChunkBitmap claimed_;
  ChunkBitmap bitmap_;
  std::atomic<std::uint32_t> published_{0};
  std::atomic<std::uint64_t> final_size_;
  TreeHead tree_head_{};
  EndTag end_tag_{};  // written before the final size is
  std::atomic<SurfaceState> state_{SurfaceState::growing};
};

}  // namespace rgtp::core
