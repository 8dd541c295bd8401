// An address and port as the engines see them: a value that compares, without any socket header.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include <rgtp/types.h>

namespace rgtp::packet {

// IPv4 addresses are kept in their IPv6-mapped form (RFC 4291, section 2.5.5.2), as dual-stack sockets see
// them.
struct Address {
  std::array<std::byte, 16> ip{};
  std::uint16_t port = 0;   // host byte order
  std::uint32_t scope = 0;  // the zone of a link-local IPv6 address

  bool is_v4() const;
  bool is_loopback() const;
  bool is_wildcard() const;
  // The network that limits count by: /24 of IPv4, /48 of IPv6.
  std::array<std::byte, 8> prefix() const;
  friend auto operator<=>(const Address&, const Address&) = default;
};

// Who asked, and at which of our addresses: answers come from the address that was asked.
struct Peer {
  Address remote;
  Address local;
  friend bool operator==(const Peer&, const Peer&) = default;
};

}  // namespace rgtp::packet
