// What all controllers share: who makes them, and how long a train is.
#include "packet/congestion.h"

#include <gtest/gtest.h>

#include "packet/wire.h"

namespace rgtp::packet {
namespace {

TEST(MakeController, MakesTheOneThatTheOptionsName) {
  EXPECT_EQ(make_controller(Congestion::bbr_like, 0, 1500)->name(), "bbr-like");
  EXPECT_EQ(make_controller(Congestion::cubic, 0, 1500)->name(), "cubic");
  EXPECT_EQ(make_controller(Congestion::background, 0, 1500)->name(), "background");
  const auto fixed = make_controller(Congestion::fixed, 1'000'000, 1500);
  EXPECT_EQ(fixed->name(), "fixed");
  EXPECT_EQ(fixed->rate(), 1'000'000U);
}

TEST(TrainBytes, AreAMillisecondOfTheRate) {
  EXPECT_EQ(train_bytes_at(12'500'000, 1500), 12'500U);
  EXPECT_EQ(train_bytes_at(0, 1500), 3000U);
  EXPECT_EQ(train_bytes_at(1'000'000, 1500), 3000U);
  EXPECT_EQ(train_bytes_at(10'000'000'000, 1500), max_train_bytes);
}

}  // namespace
}  // namespace rgtp::packet
