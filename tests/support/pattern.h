// Bytes that look random and are the same in every run: what tests expose and compare.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rgtp::test {

// Byte `offset` of the endless pattern of `seed`. No two neighbouring seeds or offsets look alike, so that a
// chunk in the wrong place is noticed.
inline std::byte pattern_at(std::uint64_t offset, std::uint64_t seed = 1) {
  // SplitMix64 (Steele, Lea, Flood 2014) of the eight bytes around the offset.
  std::uint64_t z = seed * 0xd1342543de82ef95 + (offset / 8 + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return static_cast<std::byte>(z >> (8 * (offset % 8)) & 255);
}

// Bytes [offset, offset + out.size()) of the pattern.
inline void fill_pattern(std::span<std::byte> out, std::uint64_t offset, std::uint64_t seed = 1) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = pattern_at(offset + i, seed);
}

// Its first `size` bytes.
inline std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed = 1) {
  std::vector<std::byte> bytes(size);
  fill_pattern(bytes, 0, seed);
  return bytes;
}

}  // namespace rgtp::test
