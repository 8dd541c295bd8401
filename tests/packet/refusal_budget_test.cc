#include "packet/refusal_budget.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;
using Validated = RefusalBudget::Validated;

std::string ip_of_prefix(int number) {
  return "10." + std::to_string(number / 250) + "." + std::to_string(number % 250) + ".1";
}

class RefusalBudgetTest : public testing::Test {
 protected:
  // How many of so many are granted.
  int take(const std::string& ip, Validated validated, int count) {
    int granted = 0;
    for (int i = 0; i < count; ++i) granted += budget_.take(test::address_of(ip), validated, now_) ? 1 : 0;
    return granted;
  }

  TimePoint now_ = test::start_time;
  RefusalBudget budget_;
};

TEST_F(RefusalBudgetTest, GivesTenASecondToAPrefix) {
  EXPECT_EQ(take("192.0.2.1", Validated::no, 6), 6);
  EXPECT_EQ(take("192.0.2.200", Validated::no, 6), 4);
  EXPECT_EQ(take("198.51.100.1", Validated::no, 20), 10);
  now_ += 999ms;
  EXPECT_EQ(take("192.0.2.1", Validated::no, 6), 0);
  now_ += 1ms;
  EXPECT_EQ(take("192.0.2.1", Validated::no, 20), 10);
}

TEST_F(RefusalBudgetTest, GivesAThousandASecondToAllStrangers) {
  int granted = 0;
  for (int prefix = 0; prefix < 2000; ++prefix) granted += take(ip_of_prefix(prefix), Validated::no, 1);
  EXPECT_EQ(granted, 1000);
  now_ += 1s;
  EXPECT_EQ(take("192.0.2.1", Validated::no, 1), 1);
}

TEST_F(RefusalBudgetTest, GreetsSoManyStrangersASecondWhereverTheyAre) {
  const auto greet = [&](int prefixes) {
    std::uint32_t greeted = 0;
    for (std::uint32_t i = 0; i < 6 * RefusalBudget::greetings_per_prefix; ++i)
      greeted += budget_.take_greeting(test::address_of(ip_of_prefix(static_cast<int>(i) % prefixes)), now_);
    return greeted;
  };
  EXPECT_EQ(greet(2000), RefusalBudget::greetings_per_second);
  now_ += 1s;
  EXPECT_EQ(greet(2), 2 * RefusalBudget::greetings_per_prefix);
}

TEST_F(RefusalBudgetTest, StrangersTakeNothingFromThoseWithACookie) {
  for (int prefix = 0; prefix < 2000; ++prefix) take(ip_of_prefix(prefix), Validated::no, 1);
  EXPECT_EQ(take("192.0.2.1", Validated::yes, 500), 500);
}

TEST_F(RefusalBudgetTest, GivesTenThousandASecondToThoseWithACookie) {
  EXPECT_EQ(take("192.0.2.1", Validated::yes, 10'100), 10'000);
  EXPECT_EQ(take("192.0.2.1", Validated::no, 1), 1);
  now_ += 1s;
  EXPECT_EQ(take("192.0.2.1", Validated::yes, 1), 1);
}

TEST_F(RefusalBudgetTest, TellsAnAddressAndPortThatItIsBusyOnceInAWhile) {
  const auto take_busy = [&](std::uint16_t port) {
    return budget_.take_busy(test::address_of("192.0.2.1", port), now_);
  };
  EXPECT_TRUE(take_busy(1));
  EXPECT_FALSE(take_busy(1));
  EXPECT_TRUE(take_busy(2));
  now_ += RefusalBudget::between_busy - 1ns;
  EXPECT_FALSE(take_busy(1));
  now_ += 1ns;
  EXPECT_TRUE(take_busy(1));
}

TEST_F(RefusalBudgetTest, BusyTakesOfTheBudgetOfThoseWithACookie) {
  EXPECT_EQ(take("192.0.2.1", Validated::yes, 10'000), 10'000);
  EXPECT_FALSE(budget_.take_busy(test::address_of("192.0.2.1"), now_));
  now_ += 1s;
  EXPECT_TRUE(budget_.take_busy(test::address_of("192.0.2.1"), now_));
}

TEST_F(RefusalBudgetTest, SpreadsPrefixesOverItsTable) {
  // Prefixes that fall together share ten: few do.
  int granted = 0;
  for (int prefix = 0; prefix < 90; ++prefix) granted += take(ip_of_prefix(prefix), Validated::no, 10);
  EXPECT_GE(granted, 850);
}

}  // namespace
}  // namespace rgtp::packet
