#include "packet/address.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using test::address_of;

TEST(Address, KnowsMappedIpv4) {
  EXPECT_TRUE(address_of("192.0.2.1").is_v4());
  EXPECT_TRUE(address_of("::ffff:192.0.2.1").is_v4());
  EXPECT_EQ(address_of("::ffff:192.0.2.1"), address_of("192.0.2.1"));
  EXPECT_FALSE(address_of("::192.0.2.1").is_v4());
  EXPECT_FALSE(address_of("2001:db8::1").is_v4());
  EXPECT_FALSE(address_of("1::ffff:192.0.2.1").is_v4());
}

TEST(Address, KnowsLoopback) {
  EXPECT_TRUE(address_of("127.0.0.1").is_loopback());
  EXPECT_TRUE(address_of("127.200.0.9").is_loopback());
  EXPECT_TRUE(address_of("::1").is_loopback());
  EXPECT_FALSE(address_of("128.0.0.1").is_loopback());
  EXPECT_FALSE(address_of("::2").is_loopback());
  EXPECT_FALSE(address_of("7f00::1").is_loopback());
}

TEST(Address, KnowsTheWildcard) {
  EXPECT_TRUE(address_of("0.0.0.0").is_wildcard());
  EXPECT_TRUE(address_of("::").is_wildcard());
  EXPECT_TRUE(Address{}.is_wildcard());
  EXPECT_FALSE(address_of("0.0.0.1").is_wildcard());
  EXPECT_FALSE(address_of("::1").is_wildcard());
}

TEST(Address, CountsIpv4ByItsFirst24Bits) {
  EXPECT_EQ(address_of("192.0.2.1", 1).prefix(), address_of("192.0.2.254", 2).prefix());
  EXPECT_NE(address_of("192.0.2.1").prefix(), address_of("192.0.3.1").prefix());
  EXPECT_NE(address_of("192.0.2.1").prefix(), address_of("193.0.2.1").prefix());
}

TEST(Address, CountsIpv6ByItsFirst48Bits) {
  EXPECT_EQ(address_of("2001:db8:1:2::1").prefix(), address_of("2001:db8:1:ffff::9").prefix());
  EXPECT_NE(address_of("2001:db8:1::1").prefix(), address_of("2001:db8:2::1").prefix());
}

TEST(Address, KeepsTheFamiliesApart) {
  // c000:0200:0000:... begins with the bytes of 192.0.2.
  EXPECT_NE(address_of("192.0.2.1").prefix(), address_of("c000:200::").prefix());
}

}  // namespace
}  // namespace rgtp::packet
