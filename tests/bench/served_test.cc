#include "peers/served.h"

#include <map>

#include <gtest/gtest.h>

namespace rgtp::bench {
namespace {

std::map<int, Traffic> sent;  // by the connections of this test

Traffic told_by(int connection) { return sent[connection]; }

class ServedTest : public ::testing::Test {
 protected:
  ServedTest() { sent.clear(); }
  std::uint64_t datagrams() { return served_.traffic().datagrams.value_or(0); }

  Served served_{told_by};
};

TEST_F(ServedTest, KnowsNothingOfWhatTellsNothing) {
  const Served::Serving serving(served_, 3);
  EXPECT_FALSE(served_.traffic().datagrams);
  EXPECT_FALSE(served_.traffic().again);
}

TEST_F(ServedTest, AddsUpWhatIsServedAndWhatWas) {
  const Served::Serving stays(served_, 3);
  sent[3] = {.datagrams = 10, .again = 1};
  {
    const Served::Serving goes(served_, 4);
    sent[4] = {.datagrams = 5, .again = 2};
    EXPECT_EQ(datagrams(), 15U);
  }
  sent[3] = {.datagrams = 12, .again = 1};
  EXPECT_EQ(datagrams(), 17U);
  EXPECT_EQ(served_.traffic().again, 3U);
  // The same number means another connection now.
  const Served::Serving next(served_, 4);
  sent[4] = {.datagrams = 1, .again = 0};
  EXPECT_EQ(datagrams(), 18U);
}

TEST_F(ServedTest, KeepsWhatItKnewOfAConnectionThatItsPullerClosed) {
  {
    const Served::Serving serving(served_, 3);
    sent[3] = {.datagrams = 10, .again = 1};
    EXPECT_EQ(datagrams(), 10U);
    sent[3] = {};
    EXPECT_EQ(datagrams(), 10U);
  }
  EXPECT_EQ(datagrams(), 10U);
}

TEST(Traffic, OfATimeIsWhatCameSince) {
  const Traffic before{.datagrams = 10, .again = {}};
  const Traffic after{.datagrams = 12, .again = 3};
  EXPECT_EQ(after.since(before).datagrams, 2U);
  EXPECT_EQ(after.since(before).again, 3U);
  EXPECT_FALSE(before.since(after).datagrams) << "nothing rather than a lie";
}

}  // namespace
}  // namespace rgtp::bench
