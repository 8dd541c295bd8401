// How an exposer protects a surface: what its options come to in the manifest, the key that its locator
// carries, and how a chunk is stored.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <rgtp/exposer.h>

#include "core/surface_keys.h"

namespace rgtp::transport {

// A value: copies share the keys.
struct SurfaceProtection {
  std::optional<Key> key;                         // a fresh one for each surface, where it is sealed
  std::shared_ptr<const core::SurfaceKeys> keys;  // what follows from it
  bool rooted = false;

  // Writes it into the manifest, of which nothing may change any more. Errors: invalid_argument (options that
  // do not go together).
  [[nodiscard]] static Result<SurfaceProtection> apply(const ExposeOptions& options, Manifest& manifest);

  bool is_sealed() const { return keys != nullptr; }
};

// Puts chunks into a region as they are stored, sealed where they are to be. Not thread-safe: one to a
// thread.
class ChunkStorer {
 public:
  ChunkStorer(const Manifest& manifest, const SurfaceProtection& protection);

  struct Stored {
    std::span<const std::byte> bytes;  // until the next one
    core::Tag tag{};
  };
  // A chunk that is claimed, of a surface of that size, or of one whose size is not known yet and of which
  // all counts so far. One that is not sealed stands in its region already. Errors: the region's.
  [[nodiscard]] Result<Stored> store(ChunkIndex chunk, std::span<const std::byte> plain,
                                     std::optional<std::uint64_t> size, Region& region);

 private:
  const Manifest& manifest_;
  std::optional<core::ChunkCipher> cipher_;
  std::vector<std::byte> buffer_;  // for regions that are written by calls
};

}  // namespace rgtp::transport
