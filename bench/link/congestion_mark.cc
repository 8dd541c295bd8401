#include "link/congestion_mark.h"

#include <cstdint>

namespace rgtp::bench {

namespace {

constexpr std::size_t ipv4_header_bytes = 20;
constexpr std::size_t ipv6_header_bytes = 40;
constexpr std::size_t ipv4_checksum_at = 10;
constexpr std::uint16_t experienced = 3;  // both bits of the field

std::uint16_t word_at(std::span<const std::byte> packet, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(packet[at]) << 8 |
                                    std::to_integer<unsigned>(packet[at + 1]));
}

void set_word(std::span<std::byte> packet, std::size_t at, std::uint16_t word) {
  packet[at] = static_cast<std::byte>(word >> 8);
  packet[at + 1] = static_cast<std::byte>(word & 0xff);
}

// RFC 1624, equation 3: HC' = ~(~HC + ~m + m').
std::uint16_t checksum_after(std::uint16_t checksum, std::uint16_t before, std::uint16_t now) {
  std::uint32_t sum = static_cast<std::uint16_t>(~checksum) + static_cast<std::uint16_t>(~before) + now;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

bool mark_ipv4(std::span<std::byte> packet) {
  const std::uint16_t before = word_at(packet, 0);
  if ((before & experienced) == 0) return false;
  const auto now = static_cast<std::uint16_t>(before | experienced);
  set_word(packet, ipv4_checksum_at, checksum_after(word_at(packet, ipv4_checksum_at), before, now));
  set_word(packet, 0, now);
  return true;
}

bool mark_ipv6(std::span<std::byte> packet) {
  // Version, traffic class and flow label are one word of 32 bits; the two bits stand above the flow
  // label's 20.
  constexpr auto field = static_cast<std::byte>(experienced << 4);
  if ((packet[1] & field) == std::byte{0}) return false;
  packet[1] |= field;
  return true;
}

}  // namespace

bool mark_congestion(std::span<std::byte> packet) {
  if (packet.empty()) return false;
  const unsigned version = std::to_integer<unsigned>(packet[0]) >> 4;
  if (version == 4 && packet.size() >= ipv4_header_bytes) return mark_ipv4(packet);
  if (version == 6 && packet.size() >= ipv6_header_bytes) return mark_ipv6(packet);
  return false;
}

}  // namespace rgtp::bench
