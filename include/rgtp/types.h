// The small values that everything else is made of: surface id, chunk index, ranges, time.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include <rgtp/error.h>

namespace rgtp {

// Monotonic time, handed to the protocol engines by whoever drives them; virtual in the simulator.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using Duration = std::chrono::nanoseconds;

// 128 random bits that name a surface. Whoever knows the id may pull by packets: treat it as a password.
struct RGTP_EXPORT SurfaceId {
  std::array<std::byte, 16> bytes{};

  // 32 lower-case hex digits.
  std::string to_hex() const;
  // Exactly 32 hex digits of either case, or malformed_locator.
  [[nodiscard]] static Result<SurfaceId> from_hex(std::string_view text);
  // A fresh id from the operating system's random source.
  static SurfaceId random();

  friend auto operator<=>(const SurfaceId&, const SurfaceId&) = default;
};

// Number of a chunk in its surface, from 0. Not a count and not an offset.
struct ChunkIndex {
  std::uint32_t value = 0;

  friend auto operator<=>(const ChunkIndex&, const ChunkIndex&) = default;
};

// Chunks first, first + 1, ... up to but not including end.
struct ChunkRange {
  ChunkIndex first;
  ChunkIndex end;

  std::uint32_t size() const { return end.value > first.value ? end.value - first.value : 0; }
  bool contains(ChunkIndex chunk) const { return chunk >= first && chunk < end; }
  friend bool operator==(const ChunkRange&, const ChunkRange&) = default;
};

// As the length of a Range: to the end of the surface.
inline constexpr std::uint64_t whole = std::numeric_limits<std::uint64_t>::max();

// Bytes offset, offset + 1, ... of a surface. A range past the end of a surface is out_of_range, except that
// `whole` stands for whatever is left behind the offset.
struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = whole;

  friend bool operator==(const Range&, const Range&) = default;
};

}  // namespace rgtp

template <>
struct std::hash<rgtp::SurfaceId> {
  // The id is random already.
  std::size_t operator()(const rgtp::SurfaceId& id) const noexcept {
    std::size_t value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i)
      value = value << 8 | std::to_integer<std::size_t>(id.bytes[i]);
    return value;
  }
};
