#include "packet/debt_table.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

TEST(DebtTable, RemembersEndsByKey) {
  DebtTable table(64);
  EXPECT_EQ(table.until(5), 0);
  table.set(5, 100);
  table.set(6, 200);
  EXPECT_EQ(table.until(5), 100);
  EXPECT_EQ(table.until(6), 200);
  table.set(5, 300);
  EXPECT_EQ(table.until(5), 300);
}

TEST(DebtTable, ForgetsTheEarliestOfThoseThatFallTogether) {
  DebtTable table(64);
  for (std::int64_t i = 1; i <= 5; ++i) table.set(static_cast<std::uint64_t>(i) * 64, 100 - i);
  EXPECT_EQ(table.until(4 * 64), 0);
  for (const std::int64_t i : {1, 2, 3, 5})
    EXPECT_EQ(table.until(static_cast<std::uint64_t>(i) * 64), 100 - i);
}

TEST(DebtTable, TellsAddressesPortsAndPrefixesApart) {
  const auto base = test::address_of("192.0.2.1", 4000);
  EXPECT_NE(puller_key(base), puller_key(test::address_of("192.0.2.1", 4001)));
  EXPECT_NE(puller_key(base), puller_key(test::address_of("192.0.2.2", 4000)));
  EXPECT_EQ(prefix_key(base), prefix_key(test::address_of("192.0.2.200", 9)));
  EXPECT_NE(prefix_key(base), prefix_key(test::address_of("192.0.3.1", 4000)));
  EXPECT_EQ(prefix_key(test::address_of("2001:db8:1::1")), prefix_key(test::address_of("2001:db8:1:2::1")));
  EXPECT_NE(prefix_key(test::address_of("2001:db8:1::1")), prefix_key(test::address_of("2001:db8:2::1")));
}

TEST(DebtTable, SpreadsPullersOverItsEntries) {
  DebtTable table(4096);
  int kept = 0;
  for (std::uint16_t port = 0; port < 1000; ++port)
    table.set(puller_key(test::address_of("192.0.2.1", port)), 1);
  for (std::uint16_t port = 0; port < 1000; ++port)
    kept += table.until(puller_key(test::address_of("192.0.2.1", port))) == 1 ? 1 : 0;
  EXPECT_GE(kept, 980);
}

}  // namespace
}  // namespace rgtp::packet
