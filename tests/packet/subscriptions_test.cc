#include "packet/subscriptions.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"
#include "support/observers.h"
#include "support/surfaces.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class SubscriptionsTest : public testing::Test {
 protected:
  static std::shared_ptr<core::SurfaceStore> growing(std::uint32_t chunks) {
    Manifest manifest = test::manifest_of(chunks * 4096ULL);
    manifest.size_pending = true;
    auto region = core::HeapRegion::make(manifest.stored_bytes()).value();
    return std::make_shared<core::SurfaceStore>(manifest, std::move(region));
  }
  static Peer peer(std::uint16_t port) { return {.remote = {.port = port}, .local = {}}; }
  bool renew(std::uint16_t port, WordRange words = {0, 1}, Duration rtt = 20ms) {
    return subscriptions_.renew(now_, peer(port), nullptr, {store_, port, 0, 0, words}, rtt);
  }
  void grow(std::uint32_t chunk) {
    test::publish(*store_, ChunkIndex{chunk});
    subscriptions_.on_growth(store_.get());
  }
  // Who is told what by `length` from now.
  std::vector<std::pair<TimePoint, Subscriptions::News>> told_in(Duration length) {
    std::vector<std::pair<TimePoint, Subscriptions::News>> told;
    for (const TimePoint end = now_ + length; subscriptions_.next() <= end;) {
      now_ = std::max(now_, subscriptions_.next());
      auto news = subscriptions_.poll(now_);
      if (news) told.emplace_back(now_, std::move(*news));
    }
    return told;
  }

  std::shared_ptr<core::SurfaceStore> store_ = growing(1000);
  Subscriptions subscriptions_{4};
  TimePoint now_ = test::start_time;
};

TEST_F(SubscriptionsTest, NobodyIsToldAnythingBeforeThereIsNews) {
  EXPECT_TRUE(renew(1));
  EXPECT_EQ(subscriptions_.next(), TimePoint::max());
  EXPECT_FALSE(subscriptions_.poll(now_ + 20s));
}

TEST_F(SubscriptionsTest, WhoWaitsIsToldOfWhatIsPublishedSince) {
  test::publish(*store_, ChunkIndex{5});
  renew(1);
  grow(6);
  const auto told = told_in(1s);
  ASSERT_EQ(told.size(), 1U);
  const auto& [_, news] = told[0];
  EXPECT_EQ(news.peer, peer(1));
  EXPECT_FALSE(news.end);
  const Announce announce = news.announcement.read(0);
  EXPECT_EQ(announce.pull_id, 1U);
  EXPECT_TRUE(announce.subscribed);
  EXPECT_EQ(announce.published_from, 1U);
  EXPECT_EQ(announce.published_to, 2U);
  EXPECT_EQ(announce.bitmap[0], 0b110'0000U);
}

TEST_F(SubscriptionsTest, APullerIsToldOnceInAQuarterOfARoundTrip) {
  renew(1);
  std::vector<TimePoint> told;
  for (std::uint32_t chunk = 0; chunk < 60; ++chunk) {
    grow(chunk);
    for (const auto& [at, _] : told_in(1ms)) told.push_back(at);
    now_ = test::start_time + (chunk + 1) * 1ms;
  }
  ASSERT_GE(told.size(), 11U);
  EXPECT_LE(told.size(), 12U);
  for (std::size_t i = 1; i < told.size(); ++i) EXPECT_GE(told[i] - told[i - 1], 5ms);
}

TEST_F(SubscriptionsTest, AndOnceAMillisecondWhereThatIsLonger) {
  renew(1, {0, 1}, 100us);
  grow(0);
  EXPECT_EQ(subscriptions_.next(), now_ + 1ms);
}

TEST_F(SubscriptionsTest, NewsGoOutOneByOne) {
  for (std::uint16_t port = 1; port <= 4; ++port) renew(port);
  now_ += 1s;
  grow(0);
  // As many at once as were due in a millisecond; here there are four.
  EXPECT_EQ(told_in(0ms).size(), 4U);
  Subscriptions many(1000);
  for (std::uint16_t port = 1; port <= 1000; ++port)
    many.renew(now_, peer(port), nullptr, {store_, port, 0, 0, {0, 1}}, 4ms);
  now_ += 1s;
  many.on_growth(store_.get());
  std::size_t told = 0;
  while (many.poll(now_)) ++told;
  EXPECT_LE(told, 52U);
  now_ += 10ms;
  while (many.poll(now_)) ++told;
  EXPECT_LE(told, 2 * 52U);
}

TEST_F(SubscriptionsTest, WhoIsToldIsBoundedAndWhoIsNotKnowsThat) {
  for (std::uint16_t port = 1; port <= 4; ++port) EXPECT_TRUE(renew(port));
  EXPECT_FALSE(renew(5));
  EXPECT_TRUE(renew(1)) << "who is there already stays";
  EXPECT_EQ(subscriptions_.size(), 4U);
  now_ += Subscriptions::lifetime + 1ms;
  EXPECT_TRUE(renew(5)) << "in the place of those who did not renew";
  EXPECT_EQ(subscriptions_.size(), 1U);
}

TEST_F(SubscriptionsTest, ExpiresUnlessItIsRenewed) {
  renew(1);
  renew(2);
  now_ += 29s;
  renew(2);
  now_ += 2s;
  grow(0);
  const auto told = told_in(1s);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].second.peer, peer(2));
  EXPECT_EQ(subscriptions_.size(), 1U);
}

TEST_F(SubscriptionsTest, StaysWithTheFirstWordsUntilTheyAreAllPublished) {
  renew(1, {0, 1});
  renew(1, {5, 1});
  grow(1);
  EXPECT_EQ(told_in(1s).at(0).second.announcement.words, (WordRange{0, 1}));
  for (std::uint32_t chunk = 0; chunk < 64; ++chunk)
    if (chunk != 1) test::publish(*store_, ChunkIndex{chunk});
  renew(1, {5, 1});
  grow(330);
  EXPECT_EQ(told_in(1s).at(0).second.announcement.words, (WordRange{5, 1}));
}

TEST_F(SubscriptionsTest, TheEndIsToldAndForgotten) {
  renew(1);
  renew(2);
  store_->set_final_size(0);
  store_->end(SurfaceState::finished);
  subscriptions_.on_growth(store_.get());
  EXPECT_EQ(told_in(1s).size(), 2U);
  EXPECT_EQ(subscriptions_.size(), 0U);
}

TEST_F(SubscriptionsTest, TheEndIsToldToAllAtOnce) {
  Subscriptions many(1000);
  for (std::uint16_t port = 1; port <= 1000; ++port)
    many.renew(now_, peer(port), nullptr, {store_, port, 0, 0, {0, 1}}, 4ms);
  test::publish(*store_, ChunkIndex{0});
  many.on_growth(store_.get());
  many.on_end(store_.get(), Refusal::withdrawn);
  std::size_t told = 0;
  while (const auto news = many.poll(now_)) told += news->end == Refusal::withdrawn ? 1 : 0;
  EXPECT_EQ(told, 1000U);
  EXPECT_EQ(many.size(), 0U);
}

TEST_F(SubscriptionsTest, AWithdrawalIsToldAndHoldsNoStore) {
  renew(1);
  const auto other = std::exchange(store_, growing(10));
  renew(2);
  subscriptions_.on_end(other.get(), Refusal::withdrawn);
  EXPECT_EQ(other.use_count(), 1);
  const auto told = told_in(0ms);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].second.peer, peer(1));
  EXPECT_EQ(told[0].second.end, Refusal::withdrawn);
  EXPECT_EQ(subscriptions_.size(), 1U);
}

}  // namespace
}  // namespace rgtp::packet
