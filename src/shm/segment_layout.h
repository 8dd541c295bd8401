// What a segment's object holds and where: names, the fixed part at its beginning, the live part behind it.
// The diagram is in SEGMENT.md beside this file.
#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <rgtp/region.h>

#include "core/manifest_codec.h"

namespace rgtp::shm {

// 16 random bytes that name an exposer process: its lock file and all that it made.
struct OwnerId {
  std::array<std::byte, 16> bytes{};

  std::string to_hex() const;
  static std::optional<OwnerId> from_hex(std::string_view text);
  static OwnerId random();
  friend auto operator<=>(const OwnerId&, const OwnerId&) = default;
};

// The object's name: "rgtp-" and 32 hex digits of a hash of the id, so that whoever has the id finds it, and
// whoever lists the directory learns no id.
std::string segment_name(const SurfaceId& id);
// Whether it is one, whatever made it.
bool is_segment_name(std::string_view name);

enum class RegionKind : std::uint8_t {
  inline_bytes = 1,  // in the same object
  file = 2,          // a file that the header names
};

inline constexpr std::uint64_t segment_magic = 0x316d'6873'7074'6772;  // "rgtpshm1"
inline constexpr std::uint32_t layout_version = 1;
inline constexpr std::size_t line_bytes = 64;
inline constexpr std::size_t fixed_bytes = 512;
inline constexpr std::size_t live_offset = fixed_bytes;
inline constexpr std::size_t max_path_bytes = 4096;
// Final size before it is known.
inline constexpr std::uint64_t unknown_size = ~std::uint64_t{0};

// What changes while the surface grows. Written by the exposer alone, each word on a cache line of its own.
struct LivePart {
  alignas(line_bytes) std::atomic<std::uint32_t> state;  // SurfaceState
  alignas(
      line_bytes) std::atomic<std::uint32_t> counter;  // raised with every change, and the futex of who waits
  alignas(line_bytes) std::atomic<std::uint32_t> published;  // chunks
  alignas(line_bytes) std::atomic<std::uint64_t> final_size;
  std::array<std::byte, 16> end_tag;  // of a sealed surface; zero
};
static_assert(sizeof(LivePart) == 4 * line_bytes && fixed_bytes % line_bytes == 0);
static_assert(offsetof(LivePart, counter) == 64 && offsetof(LivePart, published) == 128 &&
              offsetof(LivePart, final_size) == 192);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

inline constexpr std::size_t path_offset = live_offset + sizeof(LivePart);

// Offsets in the object. They follow from the manifest, the kind and the length of the path: a header whose
// numbers say anything else is not taken.
struct SegmentLayout {
  std::uint64_t bitmap_offset = 0;
  std::uint64_t bitmap_bytes = 0;
  std::uint64_t trailers_offset = 0;
  std::uint64_t trailers_bytes = 0;
  std::uint64_t data_offset =
      0;  // a multiple of a page, and of 2 MiB for that much; the object's end for a file
  std::uint64_t data_bytes = 0;
  std::uint64_t object_bytes = 0;

  std::uint64_t trailer_offset(const Manifest& manifest, ChunkIndex chunk) const {
    return trailers_offset + std::uint64_t{chunk.value} * manifest.trailer_bytes;
  }
  friend bool operator==(const SegmentLayout&, const SegmentLayout&) = default;
};

// What the fixed part says.
struct SegmentHeader {
  RegionKind kind = RegionKind::inline_bytes;
  bool persistent = false;  // it outlives its owner once it is finished
  OwnerId owner;
  Manifest manifest;
  RegionFile file;  // of a file

  SegmentLayout layout() const;
};

// The fixed part and, for a file, its path, as they stand at the object's beginning and at path_offset;
// without the magic, which is written last. `out` has path_offset + max_path_bytes. invalid_argument for a
// path that is too long.
[[nodiscard]] Result<void> encode_segment_header(const SegmentHeader& header, std::span<std::byte> out);

// What a segment of any version says in the same place: whose it is, and whether it outlives that. Nothing
// where it is no segment.
struct SegmentPrefix {
  std::uint32_t version = 0;
  OwnerId owner;
  bool persistent = false;
};
inline constexpr std::size_t segment_prefix_bytes = 34;
std::optional<SegmentPrefix> parse_segment_prefix(std::span<const std::byte> object);

// From a private copy of the object's beginning, at most path_offset + max_path_bytes of it; `object_bytes`
// is the object's true length. Errors: malformed_data, unsupported_version for a newer layout, and what
// the manifest's own are.
[[nodiscard]] Result<SegmentHeader> parse_segment_header(std::span<const std::byte> object,
                                                         std::uint64_t object_bytes);

}  // namespace rgtp::shm
