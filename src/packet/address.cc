#include "packet/address.h"

#include <algorithm>

namespace rgtp::packet {

namespace {

constexpr std::size_t mapped_prefix = 12;

}  // namespace

bool Address::is_v4() const {
  return std::all_of(ip.begin(), ip.begin() + 10, [](std::byte b) { return b == std::byte{0}; }) &&
         ip[10] == std::byte{0xff} && ip[11] == std::byte{0xff};
}

bool Address::is_loopback() const {
  if (is_v4()) return ip[mapped_prefix] == std::byte{127};
  std::array<std::byte, 16> loopback{};
  loopback.back() = std::byte{1};
  return ip == loopback;
}

bool Address::is_wildcard() const {
  const auto from = is_v4() ? ip.begin() + mapped_prefix : ip.begin();
  return std::all_of(from, ip.end(), [](std::byte b) { return b == std::byte{0}; });
}

std::array<std::byte, 8> Address::prefix() const {
  std::array<std::byte, 8> prefix{};
  if (is_v4()) {
    std::copy_n(ip.begin() + mapped_prefix, 3, prefix.begin());
    prefix.back() = std::byte{4};
  } else {
    std::copy_n(ip.begin(), 6, prefix.begin());
    prefix.back() = std::byte{6};
  }
  return prefix;
}

}  // namespace rgtp::packet
