#include "packet/socket_address.h"

#include <cstring>

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using test::address_of;

TEST(SocketAddress, ComesBackFromTheKernelsForm) {
  for (const char* ip : {"192.0.2.1", "0.0.0.0", "255.255.255.255"}) {
    const SocketAddress v4 = to_socket_address(address_of(ip, 0x1234), AF_INET);
    EXPECT_EQ(v4.length, sizeof(sockaddr_in));
    EXPECT_EQ(from_socket_address(v4.storage), address_of(ip, 0x1234));
    // A dual-stack socket sees the same address in its mapped form.
    const SocketAddress mapped = to_socket_address(address_of(ip, 0x1234), AF_INET6);
    EXPECT_EQ(mapped.length, sizeof(sockaddr_in6));
    EXPECT_EQ(from_socket_address(mapped.storage), address_of(ip, 0x1234));
  }
  Address link_local = address_of("fe80::1", 9);
  link_local.scope = 3;
  EXPECT_EQ(from_socket_address(to_socket_address(link_local, AF_INET6).storage), link_local);
}

TEST(SocketAddress, HasPortsInNetworkOrder) {
  const SocketAddress address = to_socket_address(address_of("192.0.2.1", 0x1234), AF_INET);
  sockaddr_in ipv4;
  std::memcpy(&ipv4, &address.storage, sizeof ipv4);
  EXPECT_EQ(ipv4.sin_family, AF_INET);
  EXPECT_EQ(ipv4.sin_port, htons(0x1234));
  EXPECT_EQ(ipv4.sin_addr.s_addr, htonl(0xc000'0201));
}

TEST(SocketAddress, ParsesAddressesAndNoNames) {
  for (const char* text : {"192.0.2.1", "::1", "2001:db8::7", "::"}) {
    const auto address = parse_ip(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(host_text(*address), text);
    EXPECT_EQ(address->port, 0);
  }
  EXPECT_EQ(host_text(*parse_ip("::ffff:192.0.2.1")), "192.0.2.1");
  for (const char* text : {"", "localhost", "192.0.2", "192.0.2.256", "1.2.3.4:5", "[::1]", "::1%",
                           "::1%nosuch0", "192.0.2.1%lo", " 192.0.2.1", "2001:db8:::1"})
    EXPECT_FALSE(parse_ip(text)) << text;
}

TEST(SocketAddress, NamesTheZoneOfALinkLocalAddress) {
  const auto address = parse_ip("fe80::1%lo");
  ASSERT_TRUE(address);
  EXPECT_NE(address->scope, 0U);
  EXPECT_EQ(host_text(*address), "fe80::1%lo");
}

TEST(SocketAddress, ParsesWhatToBindTo) {
  EXPECT_EQ(parse_bind("0.0.0.0:9000"), address_of("0.0.0.0", 9000));
  EXPECT_EQ(parse_bind("[::]:0"), address_of("::", 0));
  EXPECT_EQ(parse_bind("[2001:db8::1]:65535"), address_of("2001:db8::1", 65535));
  for (const char* text :
       {"", ":", "9000", "0.0.0.0", "0.0.0.0:", "0.0.0.0:65536", "0.0.0.0:-1", "0.0.0.0:9x", "0.0.0.0: 9",
        "::1:9000", "[::1]", "[::1]9000", "[::1:9000", "host:9000", ":9000"}) {
    const auto address = parse_bind(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, Errc::invalid_argument);
    EXPECT_NE(address.error().text.find(text), std::string::npos);
  }
}

TEST(SocketAddress, ResolvesThisHost) {
  const auto found = resolve("localhost", 77);
  ASSERT_TRUE(found);
  ASSERT_FALSE(found->empty());
  for (const Address& address : *found) {
    EXPECT_TRUE(address.is_loopback());
    EXPECT_EQ(address.port, 77);
  }
}

TEST(SocketAddress, SaysThatItDoesNotFindAHost) {
  // RFC 6761: no such name exists, and one with a space in it is not even asked for.
  const auto found = resolve("no such host.invalid", 77);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::host_not_found);
}

TEST(SocketAddress, InterfacesHaveAddressesThatOthersCanUse) {
  for (const Address& address : interface_addresses()) {
    EXPECT_FALSE(address.is_loopback());
    EXPECT_FALSE(address.is_wildcard());
    EXPECT_EQ(address.scope, 0U);
  }
}

}  // namespace
}  // namespace rgtp::packet
