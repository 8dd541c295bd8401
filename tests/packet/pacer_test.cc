#include "packet/pacer.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t rate = 1'000'000;  // bytes a second: 1,000 a millisecond

TEST(Pacer, SpreadsAsksOverTime) {
  Pacer pacer;
  TimePoint now = test::start_time;
  pacer.on_ask(now, 5000, rate);
  // The first one may be early by what a late timer may make up for.
  EXPECT_EQ(pacer.next(), now + 3ms);
  now = pacer.next();
  pacer.on_ask(now, 5000, rate);
  EXPECT_EQ(pacer.next(), now + 5ms);
}

TEST(Pacer, MakesUpForALateTimer) {
  Pacer pacer;
  pacer.on_ask(test::start_time, 10'000, rate);
  const TimePoint due = pacer.next();
  pacer.on_ask(due + 1500us, 10'000, rate);
  EXPECT_EQ(pacer.next(), due + 10ms);
}

TEST(Pacer, MakesUpForTwoMillisecondsAtMost) {
  Pacer pacer;
  pacer.on_ask(test::start_time, 10'000, rate);
  const TimePoint late = pacer.next() + 700ms;
  std::uint64_t at_once = 0;
  while (pacer.next() <= late) {
    pacer.on_ask(late, 500, rate);
    at_once += 500;
  }
  EXPECT_LE(at_once, 2000U + 500U);
  EXPECT_GE(at_once, 2000U);
}

TEST(Pacer, KeepsTheRateOverALongTime) {
  Pacer pacer;
  const TimePoint begin = test::start_time;
  TimePoint now = begin;
  std::uint64_t asked = 0;
  while (now < begin + 10s) {
    pacer.on_ask(now, 700, rate);
    asked += 700;
    now = std::max(now, pacer.next());
  }
  EXPECT_NEAR(static_cast<double>(asked), 10e6, 10e6 * 0.001);
}

TEST(Pacer, IsNeverMoreThanASecondAhead) {
  Pacer pacer;
  for (int i = 0; i < 3; ++i) {
    pacer.on_ask(test::start_time, 1'000'000, 1);
    EXPECT_EQ(pacer.next(), test::start_time + 1s);
  }
}

TEST(Pacer, DoesNothingWithoutARate) {
  Pacer pacer;
  const TimePoint before = pacer.next();
  pacer.on_ask(test::start_time, 1'000'000, 0);
  EXPECT_EQ(pacer.next(), before);
}

}  // namespace
}  // namespace rgtp::packet
