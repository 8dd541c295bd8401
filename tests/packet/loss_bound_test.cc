#include "packet/loss_bound.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start = test::start_time;
constexpr std::uint64_t least = 6000;

TEST(LossBound, IsNoneToBeginWith) {
  LossBound bound;
  EXPECT_EQ(bound.value(), LossBound::none);
  bound.rise(1500, 1'000'000);
  EXPECT_EQ(bound.value(), LossBound::none);
}

TEST(LossBound, IsCutBelowWhatWasInFlightOrMayBe) {
  LossBound bound;
  bound.cut(start, 100'000, least, 1);
  EXPECT_EQ(bound.value(), 70'000U);
  bound.cut(start + 1s, 200'000, least, 1);
  EXPECT_EQ(bound.value(), 49'000U);
  bound.cut(start + 2s, 40'000, least, 1);
  EXPECT_EQ(bound.value(), 28'000U);
  bound.cut(start + 3s, 1000, least, 1);
  EXPECT_EQ(bound.value(), least);
}

TEST(LossBound, WhatWasAskedForBeforeACutHasHadItsEffect) {
  LossBound bound;
  EXPECT_FALSE(bound.has_answered(start));
  bound.cut(start, 100'000, least, 1);
  EXPECT_TRUE(bound.has_answered(start));
  EXPECT_FALSE(bound.has_answered(start + 1ns));
}

TEST(LossBound, IsAsIfItHadNotBeenCutWhereNothingWasLost) {
  LossBound bound;
  bound.cut(start, 100'000, least, 3);
  bound.cut(start + 1s, 70'000, least, 3);
  bound.undo(start + 2s, 3);
  bound.undo(start, 3);
  EXPECT_EQ(bound.value(), 49'000U) << "what was asked for later, or before the cut before, did not cause it";
  bound.undo(start + 1s, 2);
  EXPECT_EQ(bound.value(), 49'000U) << "enough was lost without them";
  bound.undo(start + 1s, 1);
  EXPECT_EQ(bound.value(), 70'000U);
  bound.undo(start + 1s, 3);
  EXPECT_EQ(bound.value(), 70'000U) << "once";
}

TEST(LossBound, RisesFasterTheLongerNothingIsLostAndGoes) {
  LossBound bound;
  bound.cut(start, 20'000, least, 1);
  std::uint64_t before = bound.value();
  std::uint64_t step = 0;
  std::uint64_t first_step = 0;
  int rounds = 0;
  for (; bound.value() != LossBound::none && rounds < 1000; ++rounds) {
    bound.rise(1500, 40'000);
    if (bound.value() == LossBound::none) break;
    EXPECT_GE(bound.value() - before, step);
    step = bound.value() - before;
    if (rounds == 0) first_step = step;
    before = bound.value();
  }
  EXPECT_GT(step, 3 * first_step);
  EXPECT_LT(rounds, 60);
  // A cut begins anew.
  bound.cut(start + 1s, 20'000, least, 1);
  bound.rise(1500, 40'000);
  EXPECT_LT(bound.value(), 14'000U + 1500);
}

TEST(LossBound, RisesByAShareWhereMuchIsInFlight) {
  LossBound bound;
  bound.cut(start, 100'000'000, least, 1);
  bound.rise(1500, 200'000'000);
  EXPECT_EQ(bound.value(), 70'000'000U + 70'000'000 / 256);
}

}  // namespace
}  // namespace rgtp::packet
