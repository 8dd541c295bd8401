// What a surface is: its id, size, chunking, protection and name, and every number that follows from them.
//
// A surface of `size` bytes is cut into chunks of `chunk_bytes`; the last one may be shorter. An empty
// surface has no chunk. Behind each chunk travels a trailer of `trailer_bytes` that verifies it.
#pragma once

#include <bit>
#include <string>

#include <rgtp/types.h>

namespace rgtp {

// How chunks are protected.
enum class Protection : std::uint8_t {
  checksum = 0,  // XXH3-128 of each chunk: finds accidents, not forgery
  sealed = 1,  // authenticated encryption of each chunk: nobody without the locator's key reads or forges it
};

enum class CipherSuite : std::uint8_t { none = 0, aes_256_gcm = 1, chacha20_poly1305 = 2 };

struct RGTP_EXPORT Manifest {
  static constexpr std::uint32_t min_chunk_bytes = 4096;
  static constexpr std::uint32_t default_chunk_bytes = 64 * 1024;
  static constexpr std::uint32_t max_chunk_bytes = 16 * 1024 * 1024;
  static constexpr std::uint32_t max_chunks = 1U << 20;
  static constexpr std::uint64_t max_size = std::uint64_t{max_chunk_bytes} * max_chunks;  // 2^44
  static constexpr std::size_t max_name_bytes = 255;
  static constexpr std::uint32_t tag_bytes = 16;
  static constexpr std::uint32_t proof_hash_bytes = 32;

  SurfaceId id;
  std::uint64_t size = 0;                           // bytes; with size_pending the most that there can be
  bool size_pending = false;                        // the surface still grows and its final size is not known
  std::uint32_t chunk_bytes = default_chunk_bytes;  // a power of two
  Protection protection = Protection::checksum;
  CipherSuite suite = CipherSuite::none;
  std::uint16_t trailer_bytes = tag_bytes;
  std::string name;                        // UTF-8 by convention, untrusted, may be empty
  std::array<std::byte, tag_bytes> tag{};  // authenticates a sealed surface's manifest; zero otherwise

  // A manifest for `size` bytes with a fresh id: 64 KiB chunks, larger ones where there would be more than
  // 2^20 of them. too_large above 2^44 bytes, invalid_argument for a name of more than 255 bytes.
  [[nodiscard]] static Result<Manifest> make(std::uint64_t size, std::string name = {});

  // Hashes that prove a chunk's place under a root: the levels of a binary tree over all chunks.
  std::uint32_t proof_hashes() const {
    const std::uint32_t chunks = chunk_count();
    return chunks < 2 ? 0 : static_cast<std::uint32_t>(std::bit_width(chunks - 1));
  }
  // Checks every limit above and that the fields agree. A manifest from outside is used only after this.
  [[nodiscard]] Result<void> validate() const;

  std::uint32_t chunk_count() const { return chunks_in(size, chunk_bytes); }
  // How many chunks hold so many bytes, the last of them perhaps not full.
  static std::uint32_t chunks_in(std::uint64_t bytes, std::uint32_t chunk_bytes) {
    return static_cast<std::uint32_t>(bytes / chunk_bytes + (bytes % chunk_bytes != 0 ? 1 : 0));
  }
  // What storing it takes: size, or whole chunks for all of its capacity under size_pending.
  std::uint64_t stored_bytes() const {
    return size_pending ? std::uint64_t{chunk_count()} * chunk_bytes : size;
  }
  // All trailers.
  std::uint64_t trailers_bytes() const { return std::uint64_t{chunk_count()} * trailer_bytes; }
  // Offset of a chunk's first byte in the surface.
  std::uint64_t offset_of(ChunkIndex chunk) const { return std::uint64_t{chunk.value} * chunk_bytes; }
  // Length of a chunk: chunk_bytes, less for the last one, except that a growing surface has full ones only.
  std::uint32_t length_of(ChunkIndex chunk) const;
  // The chunks that hold these bytes of the surface, or out_of_range.
  [[nodiscard]] Result<ChunkRange> chunks_of(Range range) const;
  // The range with `whole` replaced by what is left of the surface, or out_of_range.
  [[nodiscard]] Result<Range> resolve(Range range) const;

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

}  // namespace rgtp
