// Surfaces in memory for tests.
#pragma once

#include <algorithm>
#include <memory>
#include <span>

#include "core/heap_region.h"
#include "core/surface_store.h"

namespace rgtp::test {

// A manifest for `size` bytes in chunks of `chunk_bytes`.
inline Manifest manifest_of(std::uint64_t size, std::uint32_t chunk_bytes = Manifest::min_chunk_bytes) {
  Manifest manifest;
  manifest.id = SurfaceId::random();
  manifest.size = size;
  manifest.chunk_bytes = chunk_bytes;
  return manifest;
}

// The part of a surface's bytes that a chunk holds.
inline std::span<const std::byte> chunk_of(const Manifest& manifest, ChunkIndex chunk,
                                           std::span<const std::byte> surface) {
  return surface.subspan(manifest.offset_of(chunk), manifest.length_of(chunk));
}

// A store on the heap that holds the bytes and has published nothing.
inline std::shared_ptr<core::SurfaceStore> unpublished_store(const Manifest& manifest,
                                                             std::span<const std::byte> bytes) {
  auto region = core::HeapRegion::make(bytes.size()).value();
  std::ranges::copy(bytes, region->writable().begin());
  return std::make_shared<core::SurfaceStore>(manifest, std::move(region));
}

inline void publish(core::SurfaceStore& store, ChunkIndex chunk) {
  store.publish(chunk, core::chunk_tag(chunk, chunk_of(store.manifest(), chunk, store.mapped())));
}

// The same with every chunk published.
inline std::shared_ptr<core::SurfaceStore> published_store(const Manifest& manifest,
                                                           std::span<const std::byte> bytes) {
  auto store = unpublished_store(manifest, bytes);
  for (std::uint32_t chunk = 0; chunk < manifest.chunk_count(); ++chunk) publish(*store, ChunkIndex{chunk});
  return store;
}

}  // namespace rgtp::test
