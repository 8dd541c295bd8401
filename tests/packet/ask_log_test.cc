#include "packet/ask_log.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t slice_ip_bytes = 1500;

SliceId slice_number(std::uint64_t number) {
  return {ChunkIndex{static_cast<std::uint32_t>(number / 1000)}, static_cast<std::uint16_t>(number % 1000)};
}

// A train of `count` asks, asked for at `at`.
void ask(AskLog& log, std::uint32_t count, TimePoint at = test::start_time) {
  AskedTrain train;
  train.asked.asked_at = at;
  train.ip_bytes = slice_ip_bytes;
  log.begin_train(train);
  for (std::uint32_t i = 0; i < count; ++i) log.add(slice_number(log.next_ask()));
}

TEST(AskLog, NumbersAsksFromZero) {
  AskLog log;
  EXPECT_EQ(log.next_ask(), 0U);
  ask(log, 3);
  ask(log, 2);
  EXPECT_EQ(log.next_ask(), 5U);
  EXPECT_EQ(log.outstanding(), 5U);
  EXPECT_EQ(log.slice(4), slice_number(4));
}

TEST(AskLog, KnowsWhichTrainAnAskBelongsTo) {
  AskLog log;
  ask(log, 2, test::start_time + 1s);
  ask(log, 2, test::start_time + 2s);
  EXPECT_EQ(log.train(1).asked.asked_at, test::start_time + 1s);
  EXPECT_EQ(log.train(1).first_ask, 0U);
  EXPECT_EQ(log.train(2).asked.asked_at, test::start_time + 2s);
  EXPECT_EQ(log.train(2).first_ask, 2U);
  const auto last = log.on_arrival(3);
  EXPECT_EQ(&last->train, &log.train(2));
}

TEST(AskLog, SettlesAnAskOnce) {
  AskLog log;
  ask(log, 3);
  const auto arrival = log.on_arrival(1);
  ASSERT_TRUE(arrival);
  EXPECT_EQ(arrival->slice, slice_number(1));
  EXPECT_EQ(arrival->before, AskLog::State::outstanding);
  EXPECT_EQ(log.outstanding(), 2U);
  EXPECT_EQ(log.on_arrival(1)->before, AskLog::State::arrived);
  EXPECT_EQ(log.outstanding(), 2U);
}

TEST(AskLog, KnowsALateAnswerToALostAsk) {
  AskLog log;
  ask(log, 3);
  EXPECT_EQ(&log.set_lost(0), &log.train(0));
  EXPECT_EQ(log.outstanding(), 2U);
  EXPECT_EQ(log.on_arrival(0)->before, AskLog::State::lost);
  EXPECT_EQ(log.outstanding(), 2U);
}

TEST(AskLog, DoesNotKnowWhatWasNeverAsked) {
  AskLog log;
  EXPECT_FALSE(log.on_arrival(0));
  ask(log, 3);
  EXPECT_FALSE(log.on_arrival(3));
  EXPECT_FALSE(log.on_arrival(log.widen(0xffff'ffff)));
  EXPECT_EQ(log.outstanding(), 3U);
}

TEST(AskLog, FindsOutstandingAsks) {
  AskLog log;
  EXPECT_FALSE(log.lowest_outstanding());
  ask(log, 5);
  EXPECT_EQ(log.lowest_outstanding(), 0U);
  log.on_arrival(0);
  log.set_lost(1);
  log.on_arrival(3);
  EXPECT_EQ(log.lowest_outstanding(), 2U);
  EXPECT_EQ(log.next_outstanding(0), 2U);
  EXPECT_EQ(log.next_outstanding(3), 4U);
  EXPECT_FALSE(log.next_outstanding(5));
  log.on_arrival(2);
  log.on_arrival(4);
  EXPECT_FALSE(log.lowest_outstanding());
  ask(log, 1);
  EXPECT_EQ(log.lowest_outstanding(), 5U);
}

TEST(AskLog, GoesThroughOutstandingAsksFromTheLatest) {
  AskLog log;
  ask(log, 6);
  log.on_arrival(4);
  log.set_lost(2);
  std::vector<std::uint64_t> seen;
  log.for_each_outstanding_from_latest([&](std::uint64_t number) {
    seen.push_back(number);
    return true;
  });
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{5, 3, 1, 0}));
  seen.clear();
  log.for_each_outstanding_from_latest([&](std::uint64_t number) {
    seen.push_back(number);
    return seen.size() < 2;
  });
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{5, 3}));
}

TEST(AskLog, ForgetsWhatWasSettledLongAgo) {
  AskLog log;
  for (int train = 0; train < 400; ++train) {
    const std::uint64_t first = log.next_ask();
    ask(log, 64, test::start_time + train * 1ms);
    for (std::uint64_t number = first; number < log.next_ask(); ++number) log.on_arrival(number);
  }
  EXPECT_EQ(log.outstanding(), 0U);
  EXPECT_FALSE(log.on_arrival(0));
  EXPECT_FALSE(log.on_arrival(8000));
  const auto recent = log.on_arrival(log.next_ask() - 4000);
  ASSERT_TRUE(recent);
  EXPECT_EQ(recent->slice, slice_number(log.next_ask() - 4000));
  // Trains are forgotten with their asks: those left still know theirs.
  EXPECT_EQ(recent->train.asked.asked_at, test::start_time + static_cast<int>((25'600 - 4000) / 64) * 1ms);
}

TEST(AskLog, NeverForgetsWhatIsOutstanding) {
  AskLog log;
  ask(log, 1);
  for (int train = 0; train < 400; ++train) {
    const std::uint64_t first = log.next_ask();
    ask(log, 64);
    for (std::uint64_t number = first; number < log.next_ask(); ++number) log.on_arrival(number);
  }
  EXPECT_EQ(log.lowest_outstanding(), 0U);
  EXPECT_EQ(log.slice(0), slice_number(0));
  EXPECT_EQ(log.on_arrival(0)->before, AskLog::State::outstanding);
  ask(log, 1);
  EXPECT_FALSE(log.on_arrival(0));
}

TEST(AskLog, WidensToTheNearestNumber) {
  AskLog log;
  ask(log, 64);
  EXPECT_EQ(log.widen(0), 0U);
  EXPECT_EQ(log.widen(63), 63U);
  EXPECT_EQ(log.widen(64), 64U);
  EXPECT_EQ(log.widen(64 + 0x7fff'ffffU), 64U + 0x7fff'ffffU);
}

TEST(AskLog, WidensAcrossTheBorderOf32Bits) {
  constexpr std::uint64_t border = std::uint64_t{3} << 32;
  EXPECT_EQ(AskLog::widen(0xffff'fff0, border - 5), border - 16);
  EXPECT_EQ(AskLog::widen(2, border - 5), border + 2);
  EXPECT_EQ(AskLog::widen(0xffff'fffe, border + 5), border - 2);
  EXPECT_EQ(AskLog::widen(7, border + 5), border + 7);
  EXPECT_EQ(AskLog::widen(0, border), border);
}

TEST(AskLog, KnowsWhatAnAskWasFor) {
  AskLog log;
  ask(log, 3);
  EXPECT_TRUE(log.was_for(1, slice_number(1), slice_ip_bytes));
  EXPECT_FALSE(log.was_for(1, slice_number(2), slice_ip_bytes));
  EXPECT_FALSE(log.was_for(1, slice_number(1), slice_ip_bytes - 1));
  EXPECT_FALSE(log.was_for(3, slice_number(3), slice_ip_bytes));
  EXPECT_FALSE(log.was_for(log.widen(0xffff'ffff), slice_number(1), slice_ip_bytes));
  // Whatever became of it.
  log.on_arrival(1);
  EXPECT_TRUE(log.was_for(1, slice_number(1), slice_ip_bytes));
}

TEST(AskLog, CountsWhatBecameOfATrain) {
  AskLog log;
  ask(log, 2);
  ask(log, 3);
  const AskedTrain& train = log.train(2);
  EXPECT_EQ(train.slices, 3U);
  log.on_arrival(2);
  log.on_arrival(2);
  EXPECT_EQ(train.arrived, 1U);
  log.set_lost(3);
  EXPECT_EQ(train.lost, 1U);
  EXPECT_FALSE(train.is_settled());
  log.set_lost(4);
  EXPECT_TRUE(train.is_settled());
  log.on_arrival(4);
  EXPECT_EQ(train.arrived, 2U);
  EXPECT_EQ(train.lost, 1U);
  EXPECT_TRUE(train.is_settled());
  EXPECT_EQ(log.train(0).arrived + log.train(0).lost, 0U);
}

TEST(AskLog, CountsTheBytesThatAreOutstanding) {
  AskLog log;
  ask(log, 3);
  AskedTrain longer;
  longer.ip_bytes = 9000;
  log.begin_train(longer);
  log.add(slice_number(3));
  EXPECT_EQ(log.outstanding_bytes(), 3 * 1500U + 9000);
  log.on_arrival(1);
  log.on_arrival(1);
  EXPECT_EQ(log.outstanding_bytes(), 2 * 1500U + 9000);
  log.set_lost(3);
  log.on_arrival(3);
  EXPECT_EQ(log.outstanding_bytes(), 2 * 1500U);
  log.set_lost(0);
  log.on_arrival(2);
  EXPECT_EQ(log.outstanding_bytes(), 0U);
}

TEST(AskLog, WhatIsGivenUpIsOutstandingNoMoreAndNotLost) {
  AskLog log;
  ask(log, 2);
  log.give_up(0);
  EXPECT_EQ(log.outstanding(), 1U);
  EXPECT_EQ(log.outstanding_bytes(), slice_ip_bytes);
  EXPECT_EQ(log.lowest_outstanding(), 1U);
  log.on_arrival(1);
  EXPECT_TRUE(log.train(0).is_settled());
  EXPECT_EQ(log.on_arrival(0)->before, AskLog::State::given_up);
  EXPECT_EQ(log.train(0).arrived, 2U);
  EXPECT_EQ(log.train(0).lost, 0U);
  EXPECT_EQ(log.outstanding_bytes(), 0U);
}

}  // namespace
}  // namespace rgtp::packet
