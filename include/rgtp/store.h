// A store is a surface as transports see it: manifest, bytes as stored, a trailer per chunk, and which chunks
// are there. The exposing side hands one to a transport; a transport that has memory of its own hands one to
// a pull.
#pragma once

#include <optional>

#include <rgtp/manifest.h>
#include <rgtp/region.h>

namespace rgtp {

// Everything here may be called from any thread. What has() once says stays true.
class RGTP_EXPORT Store {
 public:
  virtual ~Store();

  virtual const Manifest& manifest() const = 0;
  // Where the bytes live.
  virtual const Region& region() const = 0;

  // Whether the chunk is published: its bytes and its trailer never change any more.
  virtual bool has(ChunkIndex chunk) const = 0;
  // The same for 64 at once: bit i tells of chunk 64 * word + i, and is 0 behind the last chunk.
  virtual std::uint64_t has_word(std::uint32_t word) const;
  // How many chunks are published. Read before has(), it misses none that it counts.
  virtual std::uint32_t published() const = 0;
  virtual SurfaceState state() const = 0;
  // The surface's size once that is known: from the start, unless the manifest says size_pending. Known
  // before the first chunk that holds the end is published.
  virtual std::optional<std::uint64_t> final_size() const = 0;
  // Of a sealed surface that grew, once final_size() is known.
  virtual EndTag end_tag() const { return {}; }
  // Of a surface with a root, once it is finished, where the store knows it.
  virtual TreeHead tree_head() const { return {}; }

  // Bytes [offset, offset + out.size()) of the chunk followed by its trailer, zeros behind the trailer's end:
  // what travels, in one address space. The chunk must be published. Errors are the region's.
  [[nodiscard]] virtual Result<ReadStatus> read(ChunkIndex chunk, std::uint32_t offset,
                                                std::span<std::byte> out, ReadMode mode) const = 0;

  // The surface's bytes where they are memory, else empty; only published chunks may be touched.
  std::span<const std::byte> mapped() const { return region().mapped(); }
  // source_changed where the bytes are a file's and the file is not the same any more.
  [[nodiscard]] Result<void> check_unchanged(ReadMode mode) const { return region().check_unchanged(mode); }
};

}  // namespace rgtp
