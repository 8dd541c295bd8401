// Which chunks of a surface a puller may ask for: those that MANIFEST and ANNOUNCE said are published. And
// what of them nobody has asked for yet.
//
//     availability.begin(manifest, published, final_size);     from MANIFEST
//     availability.on_announce(announce);                      from then on
//     while (auto chunk = availability.next_fresh(wanted)) availability.take(*chunk);
//
// A surface that was finished before the pull began takes no memory here; one that grows takes two bits a
// chunk. What an exposer says once stays true, so that what contradicts it is an old datagram or a lie.
#pragma once

#include <optional>
#include <vector>

#include <rgtp/manifest.h>

#include "packet/wire.h"

namespace rgtp::packet {

class Availability {
 public:
  enum class News {
    none,
    count,    // more is published, though not in these words
    gap,      // an ANNOUNCE before this one is missing, and of these words nothing is new
    chunks,   // chunks are available that were not
    ignored,  // it goes beyond the surface
  };

  // From the start, for a manifest that is valid; on_manifest() is for a MANIFEST that comes later. Errors:
  // malformed_data where the numbers cannot be, or the final size is another than before.
  [[nodiscard]] Result<void> begin(const Manifest& manifest, std::uint32_t published,
                                   std::optional<std::uint64_t> final_size);
  [[nodiscard]] Result<void> on_manifest(std::uint32_t published, std::optional<std::uint64_t> final_size);
  [[nodiscard]] Result<News> on_announce(const Announce& announce);

  std::uint32_t published() const { return published_; }
  std::optional<std::uint64_t> final_size() const { return final_size_; }
  // Behind the last chunk that there can be: of the capacity, until the final size is known.
  ChunkIndex end() const { return end_; }
  // Every chunk of the surface is available.
  bool is_complete() const { return complete_; }

  // The first of these chunks that is still to be published.
  std::optional<ChunkIndex> next_missing(ChunkRange chunks) const;
  // The first of these chunks that is available and was not taken. What is wanted only moves on: chunks below
  // one that was taken come again where they are news.
  std::optional<ChunkIndex> next_fresh(ChunkRange chunks) const;
  void take(ChunkIndex chunk);

 private:
  using Words = std::vector<std::uint64_t>;

  Result<void> set_final_size(std::uint64_t size);
  bool contradicts(const Announce& announce) const;
  // True where a bit was new.
  bool add(std::size_t word, std::uint64_t bits);
  void complete_if_all_published();

  std::uint64_t manifest_size_ = 0;
  std::uint32_t manifest_chunks_ = 0;
  std::uint32_t chunk_bytes_ = 1;
  bool size_pending_ = false;
  std::uint32_t published_ = 0;
  std::optional<std::uint64_t> final_size_;
  ChunkIndex end_;
  bool complete_ = false;
  // Both empty where all was available from the start: untaken_ tells all then.
  Words available_;
  Words fresh_;                // available and not taken
  std::uint32_t untaken_ = 0;  // where to look for fresh ones
};

}  // namespace rgtp::packet
