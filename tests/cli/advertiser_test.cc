#include "cli/advertiser.h"

#include <gtest/gtest.h>

#include "support/groups.h"

namespace rgtp::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class AdvertiserTest : public testing::Test {
 protected:
  static Locator locator(int number) {
    static const SurfaceId id = SurfaceId::random();
    return Locator(Locator::Network{"host" + std::to_string(number), 9000, id});
  }
  static Manifest growing() {
    Manifest manifest = Manifest::make(1000, "grows").value();
    manifest.size_pending = true;
    return manifest;
  }
  void add(int count) {
    for (int i = 0; i < count; ++i) advertiser_.add(locator(i), growing());
  }
  // The hosts that a tick tells of.
  std::vector<std::string> told_by_a_tick() {
    advertiser_.tick();
    std::vector<std::string> hosts;
    // Sent over the loopback interface it is there when sending returns.
    while (const auto heard = receiver_.receive()) hosts.push_back(heard->host);
    return hosts;
  }

  const std::string group_ = test::group_of_this_process(86);
  GroupReceiver receiver_ = GroupReceiver::open(group_).value();
  Advertiser advertiser_{GroupSender::open(group_, "127.0.0.1:0").value(), AdvertiseIds::no};
};

TEST_F(AdvertiserTest, TellsEachOnceASecond) {
  add(2);
  const auto first_told = Clock::now();
  EXPECT_EQ(told_by_a_tick(), (std::vector<std::string>{"host0", "host1"}));
  std::vector<std::string> again;
  while (again.empty() && Clock::now() < first_told + 5s) {
    again = told_by_a_tick();
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(again, (std::vector<std::string>{"host0", "host1"}));
  EXPECT_GE(Clock::now() - first_told, 1s);
}

TEST_F(AdvertiserTest, TellsOfManyTenInATurn) {
  add(25);
  std::vector<std::string> hosts;
  for (const std::size_t told : {10U, 10U, 5U}) {
    const auto now = told_by_a_tick();
    EXPECT_EQ(now.size(), told);
    hosts.insert(hosts.end(), now.begin(), now.end());
  }
  EXPECT_EQ(hosts.front(), "host0");
  EXPECT_EQ(hosts.back(), "host24");
}

TEST_F(AdvertiserTest, TellsTheSizeOfOneThatHasGrownToItsEnd) {
  add(2);
  advertiser_.set_size(locator(1), 700);
  advertiser_.tick();
  const auto growing = test::next_heard(receiver_);
  ASSERT_TRUE(growing);
  EXPECT_FALSE(growing->size_known);
  EXPECT_EQ(growing->size, 1000U);
  const auto grown = test::next_heard(receiver_);
  ASSERT_TRUE(grown);
  EXPECT_TRUE(grown->size_known);
  EXPECT_EQ(grown->size, 700U);
  EXPECT_FALSE(grown->id);
}

TEST_F(AdvertiserTest, TellsNothingOfWhatIsOnThisHostAlone) {
  advertiser_.add(Locator(Locator::ThisHost{SurfaceId::random()}), growing());
  EXPECT_TRUE(told_by_a_tick().empty());
}

}  // namespace
}  // namespace rgtp::cli
