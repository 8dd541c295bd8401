#include "packet/mtu_search.h"

#include <vector>

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class MtuSearchTest : public testing::Test {
 protected:
  // Sizes probed for until none is due, over a path that carries `carries` bytes.
  std::vector<std::uint32_t> search_over(std::uint32_t carries) {
    std::vector<std::uint32_t> sizes;
    while (const auto size = search_.due(now_)) {
      sizes.push_back(*size);
      search_.on_probe();
      EXPECT_FALSE(search_.due(now_)) << "one at a time";
      now_ += 10ms;
      *size <= carries ? search_.on_arrived(now_, *size) : search_.on_lost(now_);
      if (sizes.size() > 100) break;
    }
    return sizes;
  }
  using Sizes = std::vector<std::uint32_t>;

  TimePoint now_ = test::start_time;
  MtuSearch search_{1200, 1500};
};

TEST_F(MtuSearchTest, TakesThePathForWhatItIsSaidToCarry) { EXPECT_EQ(search_.mtu(), 1200U); }

TEST_F(MtuSearchTest, BeginsAtOnceWithTheMostThatThereMayBe) {
  EXPECT_EQ(search_over(1500), Sizes{1500});
  EXPECT_EQ(search_.mtu(), 1500U);
}

TEST_F(MtuSearchTest, SearchesForNothingWhereItIsTakenToCarryTheMost) {
  for (const std::uint32_t most : {0U, 1200U, 1500U}) {
    const MtuSearch known(1500, most);
    EXPECT_EQ(known.mtu(), 1500U);
    EXPECT_FALSE(known.due(now_ + 1h));
  }
}

TEST_F(MtuSearchTest, TriesASizeThreeTimesBeforeTheNextLower) {
  EXPECT_EQ(search_over(1480), (Sizes{1500, 1500, 1500, 1492, 1492, 1492, 1480}));
  EXPECT_EQ(search_.mtu(), 1480U);
}

TEST_F(MtuSearchTest, AProbeMayBeLostForAnotherReason) {
  for (int i = 0; i < 2; ++i) {
    search_.on_probe();
    search_.on_lost(now_);
  }
  EXPECT_EQ(search_over(1500), Sizes{1500});
  EXPECT_EQ(search_.mtu(), 1500U);
}

TEST_F(MtuSearchTest, GoesThroughAllSizesOfNetworksOnce) {
  search_ = MtuSearch(1200, 9000);
  const Sizes tried = search_over(1279);
  EXPECT_EQ(tried.size(), 3U * 14);
  EXPECT_EQ(tried.front(), 9000U);
  EXPECT_EQ(tried.back(), 1280U);
  EXPECT_EQ(search_.mtu(), 1200U);
}

TEST_F(MtuSearchTest, TriesTheMostOfAnUnusualNetwork) {
  search_ = MtuSearch(1200, 1450);
  EXPECT_EQ(search_over(1440), (Sizes{1450, 1450, 1450, 1440}));
}

TEST_F(MtuSearchTest, TriesAgainAfterTenMinutesWhereThePathCarriesLessThanItMight) {
  search_over(1480);
  now_ += 10min - 1ns;
  EXPECT_FALSE(search_.due(now_));
  now_ += 1ns;
  EXPECT_EQ(search_.due(now_), 1500U);
  EXPECT_EQ(search_over(1500), Sizes{1500});
  now_ += 1h;
  EXPECT_FALSE(search_.due(now_));
}

TEST_F(MtuSearchTest, ASearchInVainCostsNothingForTenMinutes) {
  search_over(1200);
  EXPECT_FALSE(search_.due(now_ + 9min));
  EXPECT_EQ(search_.due(now_ + 10min), 1500U);
}

TEST_F(MtuSearchTest, ASecondAfterABlackHoleItSearchesAgain) {
  search_over(1500);
  search_.reduce(now_, 1200);
  EXPECT_EQ(search_.mtu(), 1200U);
  EXPECT_FALSE(search_.due(now_ + 1s - 1ns));
  EXPECT_EQ(search_.due(now_ + 1s), 1500U);
  now_ += 1s;
  EXPECT_EQ(search_over(1400).back(), 1400U);
  EXPECT_EQ(search_.mtu(), 1400U);
}

TEST_F(MtuSearchTest, ABlackHoleRaisesNothing) {
  search_.reduce(now_, 1400);
  EXPECT_EQ(search_.mtu(), 1200U);
}

TEST_F(MtuSearchTest, NeverGoesBeyondALimit) {
  search_.limit(1450);
  EXPECT_EQ(search_.due(now_), 1450U);
  EXPECT_EQ(search_over(1500), Sizes{1450});
  search_.limit(1480);
  EXPECT_EQ(search_.mtu(), 1450U);
  search_.limit(1300);
  EXPECT_EQ(search_.mtu(), 1300U);
  EXPECT_FALSE(search_.due(now_ + 1h));
  search_.limit(1000);
  EXPECT_EQ(search_.mtu(), 1000U);
  search_.reduce(now_, 1200);
  EXPECT_EQ(search_.mtu(), 1000U);
  EXPECT_FALSE(search_.due(now_ + 1h));
}

TEST_F(MtuSearchTest, AProbeOfAPullThatEndedIsSentAgain) {
  search_.on_probe();
  search_.on_abandoned();
  EXPECT_EQ(search_.due(now_), 1500U);
  // It counted for nothing: three more must be lost.
  EXPECT_EQ(search_over(1492), (Sizes{1500, 1500, 1500, 1492}));
}

// Another pull of the path fell into a black hole, or was told a limit, while a probe was out.
TEST_F(MtuSearchTest, AnAnswerToAProbeFromBeforeAReductionChangesNothing) {
  search_ = MtuSearch(1200, 9000);
  for (int i = 0; i < 9; ++i) {
    search_.on_probe();
    search_.on_lost(now_);
  }
  ASSERT_EQ(search_.due(now_), 1500U);
  search_.on_probe();
  search_.reduce(now_, 1200);
  search_.on_arrived(now_, 1500);
  EXPECT_EQ(search_.mtu(), 1200U);
  EXPECT_EQ(search_.due(now_ + 1s), 9000U);
  search_.on_lost(now_);
  search_.on_lost(now_);
  search_.on_lost(now_);
  EXPECT_EQ(search_.due(now_ + 1s), 9000U);
}

TEST_F(MtuSearchTest, AnAnswerToAProbeFromBeforeALimitIsTakenForTheLimit) {
  search_.on_probe();
  search_.limit(1400);
  search_.on_arrived(now_, 1500);
  EXPECT_EQ(search_.mtu(), 1400U);
  search_ = MtuSearch(1200, 1500);
  search_.on_probe();
  search_.limit(1100);
  search_.on_arrived(now_, 1500);
  EXPECT_EQ(search_.mtu(), 1100U);
  EXPECT_FALSE(search_.due(now_ + 1h));
}

// Chunks of 4 KiB are cut into slices of 1,431 IP bytes where 1,500 are due: nobody knows that 1,500 arrive.
TEST_F(MtuSearchTest, KnowsNoMoreThanWhatArrived) {
  search_ = MtuSearch(1200, 1500);
  search_.on_probe();
  search_.on_arrived(now_, 1431);
  EXPECT_EQ(search_.mtu(), 1431U);
  EXPECT_EQ(search_.due(now_), 1500U);
}

}  // namespace
}  // namespace rgtp::packet
