#include "packet/loss_model.h"

#include <cmath>

#include <gtest/gtest.h>

namespace rgtp::packet {
namespace {

using Pace = LossModel::Pace;
using Queue = LossModel::Queue;
using Doubt = LossModel::Doubt;

class LossModelTest : public testing::Test {
 protected:
  // `slices` are asked for, and that share of them is lost.
  void ask(int slices, double lost, Pace pace, Queue queue = Queue::none) {
    model_.on_lost(slices * lost, slices * lost, pace, queue);
    model_.on_arrival(slices * (1 - lost), pace, queue);
  }

  LossModel model_;
};

TEST_F(LossModelTest, KnowsNothingToBeginWith) {
  EXPECT_EQ(model_.chance(), 0);
  EXPECT_EQ(model_.excess(Doubt::favours_rate), 0);
  EXPECT_FALSE(model_.can_judge());
  EXPECT_FALSE(model_.queue_was_seen());
}

TEST_F(LossModelTest, LossThatDoesNotDependOnTheRateIsChance) {
  ask(1000, 0.05, Pace::above);
  ask(1000, 0.05, Pace::level);
  ask(500, 0.05, Pace::below);
  EXPECT_NEAR(model_.chance(), 0.05, 1e-9);
  EXPECT_EQ(model_.excess(Doubt::favours_chance), 0);
}

TEST_F(LossModelTest, IsNotHastyAboutChance) {
  ask(149, 0.05, Pace::level);
  EXPECT_EQ(model_.chance(), 0);
  ask(2, 0, Pace::level);
  EXPECT_NEAR(model_.chance(), 0.05, 0.01) << "until more is known: so long as no queue is seen";
  model_ = {};
  ask(200, 0.5, Pace::above);
  EXPECT_EQ(model_.chance(), LossModel::most_hasty_chance) << "what drops so much may be a policer";
  model_ = {};
  ask(151, 0.05, Pace::level);
  ask(63, 0, Pace::below);
  EXPECT_GT(model_.chance(), 0.03);
  ask(2, 0, Pace::below);
  EXPECT_LT(model_.chance(), 0.025) << "below the estimate nothing is lost, which may be luck with so few";
}

// A policer drops what is above its rate, without a queue.
TEST_F(LossModelTest, LossThatDependsOnTheRateIsNone) {
  ask(1000, 0.2, Pace::above);
  ask(1000, 0.1, Pace::level);
  ask(500, 0, Pace::below);
  EXPECT_LT(model_.chance(), 0.015);
  EXPECT_NEAR(model_.excess(Doubt::favours_rate), 300.0 / 2500, 1e-9);
}

TEST_F(LossModelTest, OfBothItIsTheLesserShare) {
  ask(1000, 0.01, Pace::level);
  ask(500, 0.04, Pace::below);
  EXPECT_NEAR(model_.chance(), 30.0 / 1500, 1e-9);
}

// With few samples the lesser of two shares is mostly the one that had luck.
TEST_F(LossModelTest, OfBothTheLesserByLuckIsNotBelieved) {
  ask(1900, 0.1, Pace::level);
  ask(100, 0.08, Pace::below);
  EXPECT_NEAR(model_.chance(), 198.0 / 2000, 1e-9);
  // What is less by more than a standard deviation is no luck.
  ask(1000, 0.08, Pace::below);
  EXPECT_NEAR(model_.chance(), 0.08 + std::sqrt(278.0 / 3000 * (1 - 278.0 / 3000) / 1100), 1e-9);
}

// Who joins a full queue sees none at first.
TEST_F(LossModelTest, ForgetsWhatItAssumedWhereThereIsAlwaysAQueue) {
  ask(200, 0.3, Pace::unknown);
  EXPECT_EQ(model_.chance(), LossModel::most_hasty_chance);
  model_.begin_judgement();
  for (int i = 0; i < LossModel::patience; ++i) {
    EXPECT_GT(model_.chance(), 0) << i;
    ask(200, 0.1, Pace::level, Queue::seen);
    model_.begin_judgement();
  }
  EXPECT_EQ(model_.chance(), 0);
  EXPECT_EQ(model_.excess(Doubt::favours_chance), 0);
  ask(200, 0.1, Pace::level, Queue::seen);
  EXPECT_NEAR(model_.excess(Doubt::favours_chance), 0.1, 1e-9);
}

TEST_F(LossModelTest, KeepsWhatItKnowsWhereThereIsAlwaysAQueue) {
  ask(1000, 0.1, Pace::below);
  for (int i = 0; i < 3 * LossModel::patience; ++i) {
    ask(200, 0.1, Pace::level, Queue::seen);
    model_.begin_judgement();
  }
  EXPECT_NEAR(model_.chance(), 0.1, 1e-9);
}

TEST_F(LossModelTest, LossWithAQueueIsOurOwnDoing) {
  ask(1000, 0.05, Pace::below);
  EXPECT_NEAR(model_.chance(), 0.05, 1e-9);
  model_.begin_judgement();
  EXPECT_FALSE(model_.queue_was_seen());
  ask(1000, 0.3, Pace::below, Queue::seen);
  EXPECT_TRUE(model_.queue_was_seen());
  EXPECT_NEAR(model_.chance(), 0.05, 1e-9);
  // Less three standard deviations of what chance loses of so many.
  EXPECT_NEAR(model_.excess(Doubt::favours_chance), 0.25 - 3 * std::sqrt(0.05 * 0.95 / 1000), 1e-9);
  EXPECT_NEAR(model_.excess(Doubt::favours_rate), 0.3, 1e-9);
}

TEST_F(LossModelTest, AMarkWithoutDelayIsAQueue) {
  model_.on_lost(1, 1, Pace::level, Queue::seen);
  EXPECT_TRUE(model_.queue_was_seen());
}

TEST_F(LossModelTest, JudgesOnceEnoughWasCounted) {
  ask(199, 0.5, Pace::level);
  EXPECT_FALSE(model_.can_judge());
  ask(1, 0, Pace::level);
  EXPECT_TRUE(model_.can_judge());
  EXPECT_NEAR(model_.excess(Doubt::favours_rate), 99.5 / 200, 1e-9);
  model_.begin_judgement();
  EXPECT_FALSE(model_.can_judge());
  EXPECT_EQ(model_.excess(Doubt::favours_rate), 0);
}

// In doubt it is chance that takes what is lost without a queue, as long as nobody knows better.
TEST_F(LossModelTest, DoubtIsForWhomTheCallerSays) {
  ask(1000, 0.1, Pace::level);
  EXPECT_EQ(model_.excess(Doubt::favours_chance), 0);
  EXPECT_NEAR(model_.excess(Doubt::favours_rate), 0.1, 1e-9);
  ask(2000, 0, Pace::below);
  const double chance = model_.chance();
  EXPECT_LT(chance, 0.005);
  EXPECT_NEAR(model_.excess(Doubt::favours_chance),
              100.0 / 3000 - chance - 3 * std::sqrt(chance * (1 - chance) / 3000), 1e-9);
}

TEST_F(LossModelTest, WhatIsTooMuchAlreadyNeedNotWaitForTheRest) {
  ask(20, 0.5, Pace::level, Queue::seen);
  EXPECT_FALSE(model_.can_judge());
  EXPECT_NEAR(model_.excess(Doubt::favours_rate), 10.0 / 200, 1e-9);
}

TEST_F(LossModelTest, ALostRequestCountsOnceAgainstTheRateButWhollyAsChance) {
  for (int i = 0; i < 10; ++i) {
    model_.on_lost(20, 1, Pace::below, Queue::none);
    model_.on_arrival(180, Pace::below, Queue::none);
  }
  EXPECT_NEAR(model_.chance(), 0.1, 1e-9);
  EXPECT_EQ(model_.excess(Doubt::favours_chance), 0);
  // Ten of 1,810 with no chance to explain them.
  LossModel other;
  for (int i = 0; i < 10; ++i) {
    other.on_lost(20, 1, Pace::above, Queue::none);
    other.on_arrival(180, Pace::above, Queue::none);
  }
  EXPECT_NEAR(other.excess(Doubt::favours_rate), 10.0 / 1810, 1e-9);
}

TEST_F(LossModelTest, TakesBackWhatArrivedAfterAll) {
  ask(1000, 0.05, Pace::below);
  model_.on_spurious(50, 50, Pace::below, Queue::none);
  EXPECT_EQ(model_.chance(), 0);
  EXPECT_EQ(model_.excess(Doubt::favours_rate), 0);
  // However often it is told.
  model_.on_spurious(50, 50, Pace::below, Queue::none);
  EXPECT_EQ(model_.chance(), 0);
  EXPECT_EQ(model_.excess(Doubt::favours_rate), 0);
}

TEST_F(LossModelTest, TakesBackOnlyWhatIsCounted) {
  ask(1000, 0.05, Pace::below);
  model_.on_spurious(20, 20, Pace::below, Queue::seen);
  EXPECT_NEAR(model_.chance(), 0.05, 1e-9);
  model_.on_spurious(25, 25, Pace::below, Queue::none);
  EXPECT_NEAR(model_.chance(), 0.025, 1e-9);
}

TEST_F(LossModelTest, ForgetsWhatWasLongAgo) {
  for (int i = 0; i < 100; ++i) ask(100, 0.1, Pace::below);
  EXPECT_NEAR(model_.chance(), 0.1, 0.001);
  for (int i = 0; i < 200; ++i) ask(100, 0, Pace::below);
  EXPECT_LT(model_.chance(), 0.001);
  for (int i = 0; i < 200; ++i) ask(100, 0.02, Pace::below);
  EXPECT_NEAR(model_.chance(), 0.02, 0.002);
}

}  // namespace
}  // namespace rgtp::packet
