// How a chunk and its trailer are cut into equally long slices, the last one padded with zeros, so that all
// DATA of a train are equally long across the borders of chunks too.
#pragma once

#include <rgtp/manifest.h>

#include "packet/wire.h"

namespace rgtp::packet {

// The slice length for a surface on a path that carries slices of `capacity` bytes: the least that cuts a
// full chunk into as few slices as possible. 64 KiB + 16 at MTU 1500 are 46 slices of 1,426 bytes.
std::uint16_t slice_bytes_for(const Manifest& manifest, std::uint16_t capacity);

// Into how many slices of this length the chunk and its trailer are cut: at least 1, at most 65,536.
std::uint32_t slices_of(const Manifest& manifest, ChunkIndex chunk, std::uint16_t slice_bytes);

// What follows a HELLO with a valid cookie: fills in the runs of the first slices of a surface's `chunks`
// chunks, as many as the puller wants and one train takes. Both sides compute the same.
void runs_from_beginning(const Manifest& manifest, std::uint32_t chunks, std::uint32_t slices_wanted,
                         PullRequest& pull);

// Whether a puller may ask this surface for slices of this length: short ones cost the exposer too much.
bool is_valid_slice_bytes(const Manifest& manifest, std::uint16_t slice_bytes);

// What every path is taken to carry: the least of IPv6, less what tunnels take (RFC 8899, section 5.1.2).
inline constexpr std::uint32_t fallback_mtu = 1200;
inline constexpr std::uint16_t fallback_slice_capacity = fallback_mtu - 40 - 8 - header_bytes;

// The slice capacity of a path whose IP packets have at most `mtu` bytes.
enum class IpVersion { v4, v6 };
std::uint16_t slice_capacity_of(std::uint32_t mtu, IpVersion version);

}  // namespace rgtp::packet
