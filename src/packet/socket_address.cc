#include "packet/socket_address.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <set>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <unistd.h>

namespace rgtp::packet {

namespace {

constexpr std::size_t mapped_prefix = 12;

}  // namespace

in_addr to_in_addr(const Address& address) {
  in_addr ip;
  std::memcpy(&ip, address.ip.data() + mapped_prefix, sizeof ip);
  return ip;
}

in6_addr to_in6_addr(const Address& address) {
  in6_addr ip;
  std::memcpy(&ip, address.ip.data(), sizeof ip);
  return ip;
}

Address from_in_addr(const in_addr& ip) {
  Address address;
  address.ip[10] = address.ip[11] = std::byte{0xff};
  std::memcpy(address.ip.data() + mapped_prefix, &ip, sizeof ip);
  return address;
}

Address from_in6_addr(const in6_addr& ip) {
  Address address;
  std::memcpy(address.ip.data(), &ip, sizeof ip);
  return address;
}

SocketAddress to_socket_address(const Address& address, int family) {
  SocketAddress result;
  if (family == AF_INET) {
    assert(address.is_v4());
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(address.port);
    ipv4.sin_addr = to_in_addr(address);
    std::memcpy(&result.storage, &ipv4, sizeof ipv4);
    result.length = sizeof ipv4;
  } else {
    sockaddr_in6 ipv6{};
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(address.port);
    ipv6.sin6_addr = to_in6_addr(address);
    ipv6.sin6_scope_id = address.scope;
    std::memcpy(&result.storage, &ipv6, sizeof ipv6);
    result.length = sizeof ipv6;
  }
  return result;
}

Address from_socket_address(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &storage, sizeof ipv4);
    Address address = from_in_addr(ipv4.sin_addr);
    address.port = ntohs(ipv4.sin_port);
    return address;
  }
  sockaddr_in6 ipv6;
  std::memcpy(&ipv6, &storage, sizeof ipv6);
  Address address = from_in6_addr(ipv6.sin6_addr);
  address.port = ntohs(ipv6.sin6_port);
  address.scope = ipv6.sin6_scope_id;
  return address;
}

std::string host_text(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.is_v4()) {
    const in_addr ip = to_in_addr(address);
    inet_ntop(AF_INET, &ip, text.data(), text.size());
    return text.data();
  }
  const in6_addr ip = to_in6_addr(address);
  inet_ntop(AF_INET6, &ip, text.data(), text.size());
  std::array<char, IF_NAMESIZE> zone{};
  if (address.scope == 0 || if_indextoname(address.scope, zone.data()) == nullptr) return text.data();
  return std::string(text.data()) + "%" + zone.data();
}

std::optional<Address> parse_ip(std::string_view text) {
  const std::size_t percent = text.find('%');
  const std::string ip_text(text.substr(0, percent));
  in_addr ipv4;
  if (percent == std::string_view::npos && inet_pton(AF_INET, ip_text.c_str(), &ipv4) == 1)
    return from_in_addr(ipv4);
  in6_addr ipv6;
  if (inet_pton(AF_INET6, ip_text.c_str(), &ipv6) != 1) return std::nullopt;
  Address address = from_in6_addr(ipv6);
  if (percent != std::string_view::npos) {
    address.scope = if_nametoindex(std::string(text.substr(percent + 1)).c_str());
    if (address.scope == 0) return std::nullopt;
  }
  return address;
}

Result<Address> parse_bind(std::string_view text) {
  const auto wrong = [&] {
    return fail(Errc::invalid_argument, "cannot bind to '" + std::string(text) +
                                            "': expected ADDRESS:PORT or [IPV6]:PORT, such as 0.0.0.0:9000");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  if (!brackets && host.find(':') != std::string_view::npos) return wrong();
  auto address = parse_ip(host);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (!address || error != std::errc{} || end != port_text.data() + port_text.size()) return wrong();
  address->port = port;
  return *address;
}

Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* info = found; error == 0 && info != nullptr; info = info->ai_next) {
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, info->ai_addr, std::min<std::size_t>(info->ai_addrlen, sizeof storage));
    Address address = from_socket_address(storage);
    address.port = port;
    addresses.push_back(address);
  }
  if (addresses.empty())
    return fail(Errc::host_not_found, "cannot find the host '" + host + "': " +
                                          (error != 0 ? gai_strerror(error) : "it has no IP address"));
  return addresses;
}

std::optional<Address> default_route_address() {
  // Connecting a UDP socket sends nothing; the far end is from the block for documentation (RFC 5737).
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  auto far = parse_ip("192.0.2.1");
  far->port = 9;
  const SocketAddress to = to_socket_address(*far, AF_INET);
  SocketAddress own;
  own.length = sizeof own.storage;
  const bool known = connect(fd, to.get(), to.length) == 0 && getsockname(fd, own.get(), &own.length) == 0;
  close(fd);
  return known ? std::optional(from_socket_address(own.storage)) : std::nullopt;
}

namespace {

// Calls `look(entry)` for each address of each interface, those without one too.
template <class Look>
void for_each_interface(Look look) {
  ifaddrs* found = nullptr;
  if (getifaddrs(&found) != 0) return;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(found, &freeifaddrs);
  for (const ifaddrs* entry = found; entry != nullptr; entry = entry->ifa_next) look(*entry);
}

std::optional<Address> address_of(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr) return std::nullopt;
  const int family = entry.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  sockaddr_storage storage{};
  std::memcpy(&storage, entry.ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  return from_socket_address(storage);
}

}  // namespace

std::vector<Address> interface_addresses() {
  std::vector<Address> addresses;
  for_each_interface([&](const ifaddrs& entry) {
    const auto address = address_of(entry);
    if (address && !address->is_loopback() && address->scope == 0) addresses.push_back(*address);
  });
  return addresses;
}

std::vector<unsigned> interfaces() {
  std::set<unsigned> found;
  for_each_interface([&](const ifaddrs& entry) {
    if ((entry.ifa_flags & IFF_UP) != 0) found.insert(if_nametoindex(entry.ifa_name));
  });
  return {found.begin(), found.end()};
}

unsigned interface_with(const Address& address) {
  unsigned found = 0;
  for_each_interface([&](const ifaddrs& entry) {
    const auto its = address_of(entry);
    if (its && its->ip == address.ip && (address.scope == 0 || its->scope == address.scope))
      found = if_nametoindex(entry.ifa_name);
  });
  return found;
}

}  // namespace rgtp::packet
