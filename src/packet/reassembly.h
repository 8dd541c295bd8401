// Chunks that are being received: which slices are there, and where they go.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include <rgtp/transport.h>

#include "packet/ask_log.h"

namespace rgtp::packet {

class Reassembly {
 public:
  enum class Outcome { placed, duplicate, chunk_filled, not_begun };

  // The chunk is cut into `slices` of `slice_bytes`, which go into the placement.
  void begin(ChunkIndex chunk, const Placement& placement, std::uint32_t slices, std::uint16_t slice_bytes);
  // A chunk that is begun is cut into other slices: all of them are missing.
  void cut_anew(ChunkIndex chunk, std::uint32_t slices, std::uint16_t slice_bytes);
  // The chunks begun with slices that are longer than this, in order.
  std::vector<ChunkIndex> cut_longer_than(std::uint16_t slice_bytes) const;
  bool is_missing(const SliceId& slice) const;
  // How long the slices of a chunk are; 0 where it is not begun, or done with.
  std::uint16_t slice_bytes_of(ChunkIndex chunk) const;
  // Puts a slice's bytes in their place; a duplicate changes nothing.
  Outcome receive(const SliceId& slice, std::span<const std::byte> payload);
  // The chunk is done with.
  void finish(ChunkIndex chunk);
  // The chunk failed verification: all its slices are missing again. How often that has happened to it.
  std::uint32_t start_over(ChunkIndex chunk);
  // The surface ends before this chunk: nothing is missing from there on.
  void finish_from(ChunkIndex end);
  // Every missing slice, for asking from scratch, in the order of chunks.
  std::vector<SliceId> all_missing() const;
  std::vector<SliceId> missing_of(ChunkIndex chunk) const;

 private:
  struct Chunk {
    Placement placement;
    std::uint32_t slices = 0;
    std::uint32_t missing = 0;
    std::uint16_t slice_bytes = 0;
    std::uint32_t failures = 0;
    std::vector<std::uint64_t> there;  // a bit a slice

    bool has(std::uint32_t slice) const { return (there[slice / 64] >> (slice % 64) & 1) != 0; }
  };

  static void append_missing(ChunkIndex chunk, const Chunk& state, std::vector<SliceId>& out);

  Chunk* find(ChunkIndex chunk) const;

  std::unordered_map<std::uint32_t, Chunk> chunks_;
  // The last one that was looked for: slices of a train are mostly of one chunk.
  mutable std::uint32_t found_chunk_ = 0;
  mutable Chunk* found_ = nullptr;
};

}  // namespace rgtp::packet
