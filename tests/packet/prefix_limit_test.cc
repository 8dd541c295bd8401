#include "packet/prefix_limit.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

// Bytes that one who never stops asks for gets in a second, in trains of 10,000.
std::size_t drawn(PrefixLimit& limit, TimePoint& now) {
  std::size_t bytes = 0;
  for (int i = 0; i < 10'000; ++i, now += 100us) {
    const auto to = test::address_of("192.0.2." + std::to_string(i % 250));
    if (limit.wait(to, now) > 0ns) continue;
    limit.count(to, 10'000, now);
    bytes += 10'000;
  }
  return bytes;
}

TEST(PrefixLimit, HoldsForAllAddressesOfAPrefixTogether) {
  TimePoint now = test::start_time;
  PrefixLimit limit(1'000'000);
  EXPECT_NEAR(static_cast<double>(drawn(limit, now)), 1.1e6, 20'000);
  EXPECT_NEAR(static_cast<double>(drawn(limit, now)), 1e6, 20'000);
  EXPECT_EQ(limit.wait(test::address_of("192.0.3.1"), now), 0ns);
}

TEST(PrefixLimit, SaysForHowLongToWait) {
  const TimePoint now = test::start_time;
  PrefixLimit limit(1'000'000);
  const auto to = test::address_of("192.0.2.1");
  limit.count(to, 150'000, now);
  EXPECT_EQ(limit.wait(to, now), 50ms);
  EXPECT_EQ(limit.wait(to, now + 49ms), 1ms);
  EXPECT_EQ(limit.wait(to, now + 50ms), 0ns);
}

TEST(PrefixLimit, NoneIsNone) {
  TimePoint now = test::start_time;
  PrefixLimit limit(0);
  EXPECT_EQ(drawn(limit, now), 100'000'000U);
}

}  // namespace
}  // namespace rgtp::packet
