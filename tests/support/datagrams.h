// Addresses and whole datagrams for tests of the packet layer.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "packet/socket_address.h"
#include "packet/wire.h"
#include "support/surfaces.h"

namespace rgtp::test {

// Where virtual time begins: on the border of two cookie epochs.
inline constexpr TimePoint start_time{std::chrono::hours(1)};

inline packet::Address address_of(const std::string& ip, std::uint16_t port = 4000) {
  packet::Address address = packet::parse_ip(ip).value();
  address.port = port;
  return address;
}

inline packet::Peer peer_of(const std::string& ip, std::uint16_t port = 4000) {
  return {address_of(ip, port), address_of("192.0.2.99", 9000)};
}

inline packet::Cookie cookie_of(unsigned value) {
  packet::Cookie cookie;
  cookie.fill(static_cast<std::byte>(value));
  return cookie;
}

// A message as it travels, check included.
template <class Message>
std::vector<std::byte> datagram_of(const Message& message) {
  std::vector<std::byte> bytes(packet::max_datagram_bytes);
  bytes.resize(packet::encode(message, bytes));
  packet::seal_datagram(bytes);
  return bytes;
}

inline std::vector<std::byte> data_datagram(const packet::Data& data, std::span<const std::byte> payload) {
  std::vector<std::byte> bytes(packet::header_bytes + payload.size());
  packet::encode(data, bytes);
  std::ranges::copy(payload, bytes.begin() + packet::header_bytes);
  packet::seal_datagram(bytes);
  return bytes;
}

// Bytes of a chunk followed by its trailer, zeros behind: slice `slice` of it.
inline std::vector<std::byte> slice_of(const Store& store, ChunkIndex chunk, std::uint32_t slice,
                                       std::uint16_t slice_bytes) {
  std::vector<std::byte> bytes(slice_bytes);
  (void)store.read(chunk, slice * slice_bytes, bytes, ReadMode::may_block);
  return bytes;
}

}  // namespace rgtp::test
