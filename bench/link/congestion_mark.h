// Explicit congestion notification (RFC 3168), as a router does it.
#pragma once

#include <cstddef>
#include <span>

namespace rgtp::bench {

// Sets "congestion experienced" in an IP packet whose sender understands it, and keeps an IPv4 header's
// checksum right. False, and nothing is changed, where the packet is none of IPv4 or IPv6 or its sender does
// not.
bool mark_congestion(std::span<std::byte> packet);

}  // namespace rgtp::bench
