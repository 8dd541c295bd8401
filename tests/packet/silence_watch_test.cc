#include "packet/silence_watch.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start = test::start_time;

TEST(SilenceWatch, IsDueWhereNothingCameForTwoAnswerTimes) {
  SilenceWatch watch;
  watch.on_heard(start);
  EXPECT_FALSE(watch.is_due(start + 200ms - 1ns, 100ms));
  EXPECT_TRUE(watch.is_due(start + 200ms, 100ms));
}

TEST(SilenceWatch, IsNotDueWhileAnybodyHearsAnything) {
  SilenceWatch watch;
  for (int i = 0; i < 100; ++i) {
    watch.on_heard(start + i * 150ms);
    EXPECT_FALSE(watch.is_due(start + (i + 1) * 150ms, 100ms));
  }
}

// Over a path of 1.5 s a socket that is replaced every 250 ms would never hear an answer.
TEST(SilenceWatch, ANewSocketHasItsTimeToHearToo) {
  SilenceWatch watch;
  watch.on_heard(start);
  const Duration answer_time = 2s;
  ASSERT_TRUE(watch.is_due(start + 4s, answer_time));
  watch.on_new_socket(start + 4s);
  EXPECT_FALSE(watch.is_due(start + 4s + 250ms, answer_time));
  EXPECT_FALSE(watch.is_due(start + 8s - 1ns, answer_time));
  EXPECT_TRUE(watch.is_due(start + 8s, answer_time));
}

// A crowd of pullers that hears nothing from a busy exposer would greet it all the time.
TEST(SilenceWatch, SocketsInARowComeEachTwiceAsLateAsTheOneBefore) {
  SilenceWatch watch;
  watch.on_heard(start);
  TimePoint now = start;
  for (const Duration wait : {200ms, 400ms, 800ms, 800ms}) {
    EXPECT_FALSE(watch.is_due(now + wait - 1ns, 100ms));
    now += wait;
    EXPECT_TRUE(watch.is_due(now, 100ms));
    watch.on_tried();
    watch.on_new_socket(now);
  }
  watch.on_heard(now);
  EXPECT_TRUE(watch.is_due(now + 200ms, 100ms));
}

}  // namespace
}  // namespace rgtp::packet
