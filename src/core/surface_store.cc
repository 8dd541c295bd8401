#include "core/surface_store.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/fault_point.h"

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
  const std::uint32_t length = manifest_.length_of(chunk);
  if (offset < length) {
    const auto part = out.first(std::min<std::size_t>(out.size(), length - offset));
    auto status = region_->read(manifest_.offset_of(chunk) + offset, part, mode);
    if (!status || *status == ReadStatus::would_block) return status;
    out = out.subspan(part.size());
    offset = length;
  }
  auto rest = trailer(chunk);
  rest = rest.subspan(std::min<std::size_t>(offset - length, rest.size()));
  const std::size_t copied = std::min(rest.size(), out.size());
  if (copied > 0) std::memcpy(out.data(), rest.data(), copied);
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(copied), out.end(), std::byte{0});
  return ReadStatus::done;
}

std::span<const std::byte> SurfaceStore::trailer(ChunkIndex chunk) const {
  return trailers_.subspan(std::size_t{chunk.value} * manifest_.trailer_bytes, manifest_.trailer_bytes);
}

bool SurfaceStore::publish(ChunkIndex chunk, const Tag& tag) {
  assert(manifest_.trailer_bytes == tag.size());
  if (!claimed_.set(chunk.value)) return false;
  fault_point("publish: claimed");
  std::memcpy(trailers_.data() + std::size_t{chunk.value} * tag.size(), tag.data(), tag.size());
  fault_point("publish: tagged");
  bitmap_.set(chunk.value);
  fault_point("publish: bit set");
  published_.fetch_add(1, std::memory_order_release);
  region_->on_published();
  fault_point("publish: told");
  return true;
}

void SurfaceStore::set_final_size(std::uint64_t size) {
  assert(manifest_.size_pending && size <= manifest_.size && !final_size());
  final_size_.store(size, std::memory_order_release);
  region_->on_final_size(size);
}

void SurfaceStore::end(SurfaceState state) {
  auto growing = SurfaceState::growing;
  if (state_.compare_exchange_strong(growing, state, std::memory_order_acq_rel)) region_->on_state(state);
}

}  // namespace rgtp::core
