// How work on a surface's bytes is cut for the loop's workers, which other surfaces and pulls have too.
#pragma once

#include <cstdint>

namespace rgtp::transport {

// What one job reads, hashes or copies: at least a chunk.
inline constexpr std::uint32_t piece_bytes = 1024 * 1024;
// Jobs of one surface or pull at a time.
inline constexpr std::uint32_t most_pieces_running = 2;

}  // namespace rgtp::transport
