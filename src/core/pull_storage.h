// Where a pull puts its chunks: a region that holds the whole range, a window of chunks that are handed on
// and forgotten, or a store that the transport brought along.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include <rgtp/transport.h>
#include <rgtp/view.h>

namespace rgtp::core {

// The part of a surface that a pull wants, and how chunks relate to it.
struct PullExtent {
  Manifest manifest;
  Range range;  // resolved
  ChunkRange chunks;

  // The bytes of a chunk that are in the range, as offsets in the surface.
  Range clip(ChunkIndex chunk) const;
};

class PullStorage {
 public:
  explicit PullStorage(PullExtent extent) : extent_(std::move(extent)), shown_(extent_.range) {}
  virtual ~PullStorage() = default;
  PullStorage(const PullStorage&) = delete;
  PullStorage& operator=(const PullStorage&) = delete;

  // Views show no more than this part of the range: the final size of a growing surface is known. What is
  // stored stays where it is.
  void trim(Range shown) { shown_ = shown; }

  // Where the chunk is received; the same until keep(). The chunk is in the extent and not kept yet. Nothing
  // where the storage is not written to.
  virtual std::optional<Placement> place(ChunkIndex chunk) = 0;
  // The chunk's placement is verified. The error is the region's.
  [[nodiscard]] virtual Result<void> keep(ChunkIndex chunk) = 0;
  // A kept chunk, clipped to the range.
  virtual View view(ChunkIndex chunk) = 0;
  // The consumer has been given the chunk by next() and may drop it.
  virtual void handed_out(ChunkIndex chunk) = 0;
  // The whole range in one piece; nothing where the storage does not hold that.
  virtual std::optional<View> view_all() = 0;

 protected:
  // As stored.
  const PullExtent& extent() const { return extent_; }
  // As seen.
  const Range& shown() const { return shown_; }
  Range shown_of(ChunkIndex chunk) const;

 private:
  const PullExtent extent_;
  Range shown_;
};

// Into a region of just the range's bytes as stored, which is memory. What it cannot be received in, since it
// holds only a part of the chunk or is written by calls alone, is received beside it, and written once it is
// verified.
std::unique_ptr<PullStorage> store_in_region(PullExtent extent, std::shared_ptr<Region> region);
// A buffer a chunk, let go with the last view of it.
std::unique_ptr<PullStorage> store_in_window(PullExtent extent);
// The bytes of a store in memory. Nothing is ever placed.
std::unique_ptr<PullStorage> store_adopted(PullExtent extent, std::shared_ptr<const Store> store);

}  // namespace rgtp::core
