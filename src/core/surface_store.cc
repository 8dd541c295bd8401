#include "core/surface_store.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/fault_point.h"
#include "core/stored_chunk.h"

namespace rgtp::core {

namespace {

ChunkBitmap bitmap_in(Region& region, std::uint32_t bits) {
  const auto words = region.index().bitmap;
  return words.empty() ? ChunkBitmap(bits) : ChunkBitmap(words, bits);
}

}  // namespace

SurfaceStore::SurfaceStore(Manifest manifest, std::shared_ptr<Region> region)
    : manifest_(std::move(manifest)),
      region_(std::move(region)),
      trailers_(region_->index().trailers),
      claimed_(manifest_.chunk_count()),
      bitmap_(bitmap_in(*region_, manifest_.chunk_count())),
      final_size_(manifest_.size_pending ? unknown_size : manifest_.size) {
  assert(region_->size() == manifest_.stored_bytes());
  const std::size_t bytes = std::size_t{manifest_.chunk_count()} * manifest_.trailer_bytes;
  if (trailers_.empty()) {
    own_trailers_.resize(bytes);
    trailers_ = own_trailers_;
  }
  assert(trailers_.size() == bytes);
}

std::optional<std::uint64_t> SurfaceStore::final_size() const {
  const std::uint64_t size = final_size_.load(std::memory_order_acquire);
  return size == unknown_size ? std::nullopt : std::optional(size);
}

Result<ReadStatus> SurfaceStore::read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                                      ReadMode mode) const {
  assert(has(chunk));
  return read_stored(
      manifest_, chunk, offset, out,
      [&](std::uint64_t at, std::span<std::byte> part) { return region_->read(at, part, mode); },
      [&](std::uint32_t at, std::span<std::byte> part) -> Result<ReadStatus> {
        std::ranges::copy(trailer(chunk).subspan(at, part.size()), part.begin());
        return ReadStatus::done;
      });
}

std::span<const std::byte> SurfaceStore::trailer(ChunkIndex chunk) const {
  return trailers_.subspan(std::size_t{chunk.value} * manifest_.trailer_bytes, manifest_.trailer_bytes);
}

bool SurfaceStore::publish(ChunkIndex chunk, const Tag& tag) {
  if (!claim(chunk)) return false;
  publish_claimed(chunk, tag);
  return true;
}

void SurfaceStore::publish_claimed(ChunkIndex chunk, std::span<const std::byte> trailer) {
  assert(is_claimed(chunk) && trailer.size() == manifest_.trailer_bytes);
  fault_point("publish: claimed");
  std::memcpy(trailers_.data() + std::size_t{chunk.value} * trailer.size(), trailer.data(), trailer.size());
  fault_point("publish: tagged");
  bitmap_.set(chunk.value);
  fault_point("publish: bit set");
  published_.fetch_add(1, std::memory_order_release);
  region_->on_published();
  fault_point("publish: told");
}

void SurfaceStore::set_final_size(const FinalSize& size) {
  assert(manifest_.size_pending && size.bytes <= manifest_.size && !final_size());
  end_tag_ = size.tag;
  final_size_.store(size.bytes, std::memory_order_release);
  region_->on_final_size(size);
}

void SurfaceStore::end(SurfaceState state) {
  auto growing = SurfaceState::growing;
  if (state_.compare_exchange_strong(growing, state, std::memory_order_acq_rel)) region_->on_state(state);
}

}  // namespace rgtp::core
