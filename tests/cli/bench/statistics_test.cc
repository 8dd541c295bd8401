#include "cli/bench/statistics.h"

#include <numeric>

#include <gtest/gtest.h>

namespace rgtp::cli::bench {
namespace {

TEST(Statistics, APercentileIsTheNearestRank) {
  std::vector<double> sample(1000);
  std::iota(sample.rbegin(), sample.rend(), 1.0);
  EXPECT_EQ(percentile(sample, 0.5), 500);
  EXPECT_EQ(percentile(sample, 0.99), 990);
  EXPECT_EQ(percentile(sample, 0.999), 999);
  EXPECT_EQ(percentile(sample, 1), 1000);
  EXPECT_EQ(percentile({7}, 0.5), 7);
  EXPECT_EQ(percentile({1, 2}, 0.5), 1);
  EXPECT_EQ(percentile({}, 0.5), 0);
}

TEST(Statistics, ARankLeavesBeyondItWhatItsShareLeaves) {
  EXPECT_EQ(rank_of(10, 0.9), 9U);
  EXPECT_EQ(rank_of(100, 0.99), 99U);
  EXPECT_EQ(rank_of(1000, 0.999), 999U);
  EXPECT_EQ(rank_of(9, 0.9), 9U);
  EXPECT_EQ(rank_of(1, 0.5), 1U);
  EXPECT_EQ(rank_of(0, 0.5), 1U);
}

TEST(Statistics, ASpreadHasItsMiddleAndItsEnds) {
  const Spread odd = spread_of({3, 1, 9});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.least, 1);
  EXPECT_EQ(odd.most, 9);
  EXPECT_EQ(spread_of({4, 1, 2, 9}).median, 3);
  EXPECT_EQ(spread_of({}).most, 0);
}

}  // namespace
}  // namespace rgtp::cli::bench
