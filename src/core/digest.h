// XXH3: the tags of chunks and the check of datagrams. It finds accidents and is no security claim.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <rgtp/manifest.h>

namespace rgtp::core {

using Tag = std::array<std::byte, Manifest::tag_bytes>;

// The tag of a `checksum` surface's chunk: XXH3-128 of its bytes as stored, in canonical (big-endian) form,
// seeded with its index, so that a chunk in another's place does not verify.
Tag chunk_tag(ChunkIndex chunk, std::span<const std::byte> bytes);

// XXH3_64: for formats that a program writes for itself.
std::uint64_t checksum64(std::span<const std::byte> bytes);

// The 32 bits that protect a datagram: XXH3_64 over (header, XXH3_64 of the payload), seeded with the pull
// id. Two one-shot calls, because XXH3's streaming state is slower than the datagram is short.
std::uint32_t datagram_check(std::span<const std::byte> header, std::span<const std::byte> payload,
                             std::uint64_t pull_id);

}  // namespace rgtp::core
