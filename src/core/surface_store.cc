#include "core/surface_store.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace rgtp::core {

SurfaceStore::SurfaceStore(Manifest manifest, std::shared_ptr<Region> region)
    : manifest_(std::move(manifest)),
      region_(std::move(region)),
      trailers_(std::size_t{manifest_.chunk_count()} * manifest_.trailer_bytes),
      bitmap_(manifest_.chunk_count()) {
  assert(region_->size() == manifest_.size);
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
  return std::span(trailers_).subspan(std::size_t{chunk.value} * manifest_.trailer_bytes,
                                      manifest_.trailer_bytes);
}

void SurfaceStore::publish(ChunkIndex chunk, const Tag& tag) {
  assert(manifest_.trailer_bytes == tag.size());
  std::memcpy(trailers_.data() + std::size_t{chunk.value} * tag.size(), tag.data(), tag.size());
  if (bitmap_.set(chunk.value)) published_.fetch_add(1, std::memory_order_release);
}

}  // namespace rgtp::core
