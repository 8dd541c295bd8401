// What a router wrote on a packet's way: Explicit Congestion Notification (RFC 3168).
#pragma once

#include <cstdint>

namespace rgtp::packet {

enum class Mark : std::uint8_t {
  none,
  congestion,  // CE: a queue is building up, and nothing was lost for it yet
};

// Of the octet that IP carries it in (IPv4: TOS, IPv6: traffic class): the low two bits.
inline constexpr int ecn_mask = 0x03;
inline constexpr int ecn_capable = 0x02;  // ECT(0), which DATA is sent with
inline constexpr int ecn_congestion = 0x03;

constexpr Mark mark_of(int traffic_class) {
  return (traffic_class & ecn_mask) == ecn_congestion ? Mark::congestion : Mark::none;
}

}  // namespace rgtp::packet
