#include "packet/poller.h"

#include <set>

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

using News = Availability::News;

class PollerTest : public testing::Test {
 protected:
  // A surface of `chunks` of which none is published.
  void begin(std::uint32_t chunks) {
    wanted_ = {ChunkIndex{0}, ChunkIndex{chunks}};
    ASSERT_TRUE(availability_.begin(test::manifest_of(chunks * 4096ULL), 0, std::nullopt));
  }
  WordRange poll() {
    now_ = std::max(now_, next());
    return poller_.poll(now_, rtt_, availability_, wanted_, most_);
  }
  TimePoint next() const { return poller_.next(availability_, wanted_); }
  // Between this poll and the next.
  Duration interval() {
    poll();
    return next() - now_;
  }
  void publish(std::uint16_t word, std::uint64_t bits) {
    Announce announce{.published_to = availability_.published() + 1, .words = {word, 1}};
    announce.bitmap[0] = bits;
    poller_.on_announce(now_, availability_.on_announce(announce).value(), announce.words, tells_, rtt_);
  }

  Availability availability_;
  Poller poller_;
  ChunkRange wanted_;
  std::uint16_t most_ = 10;
  TimePoint now_ = test::start_time;
  Duration rtt_ = 40ms;
  Poller::Tells tells_ = Poller::Tells::asked;
  WordRange words_ = {0, 10};  // of an announcement
};

TEST_F(PollerTest, BeginsAtOnceAtAQuarterOfARoundTripAndDoublesUpToATenthOfASecond) {
  begin(100);
  EXPECT_LE(next(), now_);
  for (const Duration expected : {10ms, 20ms, 40ms, 80ms, 100ms, 100ms}) EXPECT_EQ(interval(), expected);
}

TEST_F(PollerTest, PollsEveryMillisecondAtMost) {
  begin(100);
  rtt_ = 100us;
  EXPECT_EQ(interval(), 1ms);
  rtt_ = 10s;
  EXPECT_EQ(interval(), 100ms);
}

TEST_F(PollerTest, BeginsAgainAtNews) {
  begin(100);
  for (int i = 0; i < 5; ++i) poll();
  now_ += 3ms;
  publish(0, 1);
  EXPECT_EQ(next(), now_ + 7ms);
  EXPECT_EQ(interval(), 10ms);
  EXPECT_EQ(interval(), 20ms);
  poller_.on_announce(now_, News::none, words_, tells_, rtt_);
  EXPECT_EQ(interval(), 40ms);
  poller_.on_announce(now_, News::count, words_, tells_, rtt_);
  EXPECT_EQ(interval(), 80ms);
}

TEST_F(PollerTest, NewsThatComesLateIsFollowedAtOnceButNoFaster) {
  begin(100);
  for (int i = 0; i < 5; ++i) poll();
  now_ += 90ms;
  publish(0, 1);
  EXPECT_LE(next(), now_);
  poll();
  publish(0, 2);
  EXPECT_EQ(next(), now_ + 10ms);
}

TEST_F(PollerTest, PollsSeldomWhereItIsToldUnasked) {
  tells_ = Poller::Tells::unasked;
  begin(100);
  poll();
  poller_.on_announce(now_, News::none, words_, tells_, rtt_);
  EXPECT_EQ(next(), now_ + 80ms);
  for (const Duration expected : {80ms, 160ms, 320ms, 640ms, 1280ms, 2000ms, 2000ms}) {
    EXPECT_EQ(interval(), expected);
    poller_.on_announce(now_, News::none, words_, tells_, rtt_);
  }
  // What comes puts the next poll off.
  for (std::uint64_t bits = 1; bits < 1024; bits = 2 * bits + 1) {
    now_ += 50ms;
    publish(0, bits);
    EXPECT_EQ(next(), now_ + 80ms);
  }
  rtt_ = 100us;
  publish(0, 2047);
  EXPECT_EQ(next(), now_ + 10ms);
}

TEST_F(PollerTest, PollsSoonForWhatItWasNotToldOf) {
  tells_ = Poller::Tells::unasked;
  begin(100);
  poll();
  publish(0, 1);
  poll();
  now_ += 5ms;
  // Of words that it is told of a count alone says nothing.
  poller_.on_announce(now_, News::count, words_, tells_, rtt_);
  EXPECT_GE(next(), now_ + 75ms);
  poller_.on_announce(now_, News::gap, words_, tells_, rtt_);
  EXPECT_EQ(next(), now_ + 5ms);
}

TEST_F(PollerTest, RenewsWhatItIsToldOfHoweverSteadilyNewsComes) {
  tells_ = Poller::Tells::unasked;
  begin(100 * 64);
  poll();
  const TimePoint polled = now_;
  for (std::uint32_t chunk = 0; next() > now_; ++chunk) {
    ASSERT_LT(now_, polled + Subscriptions::lifetime);
    now_ += 50ms;
    publish(static_cast<std::uint16_t>(chunk / 64), ~std::uint64_t{0} >> (63 - chunk % 64));
  }
  EXPECT_GE(now_, polled + Subscriptions::lifetime / 2);
}

TEST_F(PollerTest, PollsSoonWhereItIsToldOfWordsThatItWantsNoMore) {
  tells_ = Poller::Tells::unasked;
  begin(6 * 64);
  poll();
  poller_.on_announce(now_, News::chunks, words_, tells_, rtt_);
  wanted_.first = ChunkIndex{5 * 64};
  poll();
  now_ += 5ms;
  poller_.on_announce(now_, News::count, {0, 1}, tells_, rtt_);
  EXPECT_EQ(next(), now_ + 5ms);
}

TEST_F(PollerTest, PollsOftenWhileNothingFollowsItsPolls) {
  tells_ = Poller::Tells::unasked;
  begin(100);
  for (int i = 0; i < 8; ++i) {
    poll();
    poller_.on_announce(now_, News::none, words_, tells_, rtt_);
  }
  EXPECT_EQ(interval(), 2000ms);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(interval(), 100ms);
  poller_.on_announce(now_, News::none, words_, tells_, rtt_);
  EXPECT_EQ(interval(), 2000ms);
}

TEST_F(PollerTest, PollsSoonOnceItIsToldNoMore) {
  tells_ = Poller::Tells::unasked;
  begin(100);
  for (int i = 0; i < 8; ++i) {
    poll();
    poller_.on_announce(now_, News::none, words_, tells_, rtt_);
  }
  poll();
  now_ += 20ms;
  poller_.on_announce(now_, News::none, words_, Poller::Tells::asked, rtt_);
  EXPECT_EQ(next(), now_ + 80ms);
}

TEST_F(PollerTest, PollsSoonOnceTheWordsThatItIsToldOfAreAllThere) {
  tells_ = Poller::Tells::unasked;
  begin(64 * 35);
  wanted_ = {ChunkIndex{0}, ChunkIndex{64}};
  poll();
  publish(0, ~std::uint64_t{0});
  EXPECT_EQ(next(), TimePoint::max());
  wanted_ = {ChunkIndex{0}, ChunkIndex{128}};
  EXPECT_EQ(next(), now_ + 10ms);
}

TEST_F(PollerTest, PollsAsBeforeOnceItIsToldNoMore) {
  tells_ = Poller::Tells::unasked;
  begin(100);
  poll();
  publish(0, 1);
  for (int i = 0; i < 5; ++i) poll();
  tells_ = Poller::Tells::asked;
  publish(0, 3);
  EXPECT_EQ(next(), now_ + 10ms);
  for (const Duration expected : {10ms, 20ms, 40ms, 80ms, 100ms, 100ms}) EXPECT_EQ(interval(), expected);
}

TEST_F(PollerTest, AsksFromTheFirstWordThatLacksAWantedChunk) {
  begin(300);
  EXPECT_EQ(poll(), (WordRange{0, 5}));
  publish(0, ~std::uint64_t{0});
  EXPECT_EQ(poll(), (WordRange{1, 4}));
  wanted_ = {ChunkIndex{70}, ChunkIndex{129}};
  EXPECT_EQ(poll(), (WordRange{1, 2}));
  publish(1, ~std::uint64_t{0});
  EXPECT_EQ(poll(), (WordRange{2, 1}));
  wanted_ = {ChunkIndex{130}, ChunkIndex{9999}};
  EXPECT_EQ(poll(), (WordRange{2, 3}));
}

TEST_F(PollerTest, WalksThroughAWideSurfaceAndStaysAtItsFront) {
  begin(64 * 35);
  std::set<std::uint32_t> walked;
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(poll(), (WordRange{0, 10}));
    const WordRange words = poll();
    for (std::uint32_t word = words.first; word < words.end(); ++word) walked.insert(word);
  }
  EXPECT_EQ(walked.size(), 35U);
  EXPECT_EQ(*walked.rbegin(), 34U);
}

TEST_F(PollerTest, DoublesItsIntervalOnceARoundOfAWideSurface) {
  begin(64 * 35);
  // Four polls walk through, each with one for the front; the next one finds itself at the beginning again.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(interval(), 10ms) << i;
  EXPECT_EQ(interval(), 20ms);
  // Somewhere there is more.
  poller_.on_announce(now_, News::count, words_, tells_, rtt_);
  EXPECT_EQ(interval(), 10ms);
}

TEST_F(PollerTest, LeavesOutWordsOfAWideSurfaceThatAreComplete) {
  begin(64 * 35);
  poll();
  EXPECT_EQ(poll().first, 0U);
  for (std::uint16_t word = 10; word < 15; ++word) publish(word, ~std::uint64_t{0});
  poll();
  EXPECT_EQ(poll(), (WordRange{15, 10}));
}

}  // namespace
}  // namespace rgtp::packet
