#include "packet/greeter.h"

#include <vector>

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start = test::start_time;

TEST(Greeter, IsDueAtOnceToBeginWith) {
  const Greeter greeter;
  EXPECT_LE(greeter.again(std::nullopt), start);
  EXPECT_LE(greeter.again(250ms), start);
}

TEST(Greeter, DoublesItsIntervalUpToOneThatIsNoPartOfASecond) {
  Greeter greeter;
  TimePoint now = start;
  std::vector<Duration> intervals;
  for (int i = 0; i < 6; ++i) {
    greeter.on_sent(now);
    EXPECT_EQ(greeter.sent_at(), now);
    intervals.push_back(greeter.again(std::nullopt) - now);
    now = greeter.again(std::nullopt);
  }
  EXPECT_EQ(intervals, (std::vector<Duration>{200ms, 370ms, 370ms, 370ms, 370ms, 370ms}));
  for (int i = 0; i < 1000; ++i) greeter.on_sent(now);
  EXPECT_EQ(greeter.again(std::nullopt), now + 370ms);
}

TEST(Greeter, BeginsWithTheShortestIntervalOnceItWasAnswered) {
  Greeter greeter;
  for (int i = 0; i < 5; ++i) greeter.on_sent(start);
  greeter.on_answered();
  EXPECT_EQ(greeter.again(std::nullopt), start + 200ms);
  greeter.on_sent(start + 60s);
  EXPECT_EQ(greeter.again(std::nullopt), start + 60s + 200ms);
  greeter.on_sent(start + 61s);
  EXPECT_EQ(greeter.again(std::nullopt), start + 61s + 370ms);
}

TEST(Greeter, IsDueMoreOftenWhereThePeerSeemsToBeGone) {
  Greeter greeter;
  greeter.on_sent(start);
  EXPECT_EQ(greeter.again(250ms), start + 200ms);
  for (int i = 0; i < 5; ++i) greeter.on_sent(start);
  EXPECT_EQ(greeter.again(250ms), start + 250ms);
  EXPECT_EQ(greeter.again(std::nullopt), start + 370ms);
}

TEST(Greeter, KnowsWhatFollowsWhicheverHelloIsAnswered) {
  Greeter greeter;
  EXPECT_EQ(greeter.slices_wanted(), 0U);
  greeter.on_sent(start);
  greeter.want(16, 1140);
  greeter.on_sent(start + 1s);
  EXPECT_EQ(greeter.slices_wanted(), 16U);
  EXPECT_EQ(greeter.slice_capacity(), 1140);
}

}  // namespace
}  // namespace rgtp::packet
