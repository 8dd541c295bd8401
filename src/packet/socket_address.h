// Addresses in the kernel's form and as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "packet/address.h"

namespace rgtp::packet {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// As a socket of this family takes it: AF_INET wants an IPv4 address, AF_INET6 takes both.
SocketAddress to_socket_address(const Address& address, int family);
Address from_socket_address(const sockaddr_storage& storage);
in_addr to_in_addr(const Address& address);
in6_addr to_in6_addr(const Address& address);
Address from_in_addr(const in_addr& ip);
Address from_in6_addr(const in6_addr& ip);

// The address without its port, IPv6 without brackets.
std::string host_text(const Address& address);
// "1.2.3.4", "fe80::1%eth0": an address, no name.
std::optional<Address> parse_ip(std::string_view text);
// "ADDRESS:PORT" or "[ADDRESS]:PORT", as --bind takes it; invalid_argument otherwise.
[[nodiscard]] Result<Address> parse_bind(std::string_view text);
// Every address of a host name, by the system's resolver, which blocks: for HostLookup's thread.
// host_not_found.
[[nodiscard]] Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port);
// The address that packets to far away would carry; nothing where there is no default route. Sends nothing.
std::optional<Address> default_route_address();
// Every address of this host's interfaces, loopback and link-local ones aside.
std::vector<Address> interface_addresses();

// The index of every interface that is up.
std::vector<unsigned> interfaces();
// Of the one that has this address; 0 where none has, as for a wildcard.
unsigned interface_with(const Address& address);

}  // namespace rgtp::packet
