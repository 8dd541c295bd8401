#include "core/digest.h"

#include <cassert>
#include <cstring>

#ifdef RGTP_XXHASH_DISPATCHES
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

namespace rgtp::core {

#ifdef RGTP_XXHASH_DISPATCHES
namespace {

// Chooses by the processor now, before there are threads: the library does so at the first call, without a
// lock.
[[maybe_unused]] const XXH64_hash_t chosen = XXH3_64bits("", 1);
[[maybe_unused]] const XXH128_hash_t chosen_too = XXH3_128bits("", 1);

}  // namespace
#endif

Tag chunk_tag(ChunkIndex chunk, std::span<const std::byte> bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(bytes.data(), bytes.size(), chunk.value));
  Tag tag;
  static_assert(sizeof canonical.digest == sizeof tag);
  std::memcpy(tag.data(), canonical.digest, tag.size());
  return tag;
}

std::uint64_t checksum64(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::uint32_t datagram_check(std::span<const std::byte> header, std::span<const std::byte> payload,
                             std::uint64_t pull_id) {
  std::array<std::byte, 64> both;
  const std::uint64_t payload_hash = XXH3_64bits(payload.data(), payload.size());
  assert(header.size() + sizeof payload_hash <= both.size());
  std::memcpy(both.data(), header.data(), header.size());
  std::memcpy(both.data() + header.size(), &payload_hash, sizeof payload_hash);
  return static_cast<std::uint32_t>(
      XXH3_64bits_withSeed(both.data(), header.size() + sizeof payload_hash, pull_id));
}

}  // namespace rgtp::core
