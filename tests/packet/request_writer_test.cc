#include "packet/request_writer.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"
#include "support/observers.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class RequestWriterTest : public testing::Test {
 protected:
  static constexpr std::uint64_t pull_id = 0x1234;

  // What was written, if it is sealed.
  std::span<const std::byte> written(std::size_t size) const {
    const auto datagram = std::span(out_).first(size);
    EXPECT_TRUE(check_matches(datagram));
    return datagram;
  }
  Hello hello(std::uint32_t slices_wanted) {
    return parse_hello(written(writer_.write_hello(now_, slices_wanted, path_.slice_capacity(), out_)))
        .value();
  }
  Poll poll(std::uint32_t published, WordRange words) {
    return parse_poll(written(writer_.write_poll(now_, published, words, out_))).value();
  }
  PullRequest pull(std::uint64_t first_ask, const std::vector<SliceId>& slices) {
    return parse_pull(written(writer_.write_pull(now_, first_ask, 1371, slices, out_))).value();
  }

  TimePoint now_ = test::start_time;
  const SurfaceId id_ = SurfaceId::random();
  Path path_{Path::Options{.mtu = 1500}};
  test::RecordingObserver observer_;
  RequestWriter writer_{pull_id, id_, path_, observer_};
  std::array<std::byte, RequestWriter::max_bytes> out_{};
};

TEST_F(RequestWriterTest, AHelloSaysWhoAsksAndWhatThePathCarries) {
  const Hello expected{.pull_id = pull_id,
                       .timestamp = encode_timestamp(now_),
                       .slice_capacity = path_.slice_capacity(),
                       .id = id_};
  EXPECT_EQ(hello(0), expected);
}

TEST_F(RequestWriterTest, AHelloWithACookieMayAskForSlices) {
  path_.set_cookie(test::cookie_of(7), now_, 60s);
  const Hello asked = hello(16);
  EXPECT_EQ(asked.cookie, test::cookie_of(7));
  EXPECT_EQ(asked.slices_wanted, 16U);
}

TEST_F(RequestWriterTest, APollNamesTheRoundTripOnceThereIsOne) {
  path_.set_cookie(test::cookie_of(7), now_, 60s);
  Poll expected{.pull_id = pull_id,
                .timestamp = encode_timestamp(now_),
                .published = 5,
                .words = {2, 3},
                .id = id_,
                .cookie = test::cookie_of(7)};
  EXPECT_EQ(poll(5, {2, 3}), expected);
  path_.rtt().on_sample(20ms);
  expected.rtt_us = 20'000;
  EXPECT_EQ(poll(5, {2, 3}), expected);
}

TEST_F(RequestWriterTest, APollAsksForNoMoreThanAnAnswerOnThePathTells) {
  EXPECT_EQ(writer_.most_words(), announce_words_in(header_bytes + fallback_slice_capacity));
  path_.limit_slice_capacity(600);
  ASSERT_EQ(path_.slice_capacity(), 600);
  EXPECT_EQ(writer_.most_words(), announce_words_in(header_bytes + 600));
}

TEST_F(RequestWriterTest, APullAsksForItsSlicesInRuns) {
  path_.set_cookie(test::cookie_of(7), now_, 60s);
  const PullRequest asked =
      pull((std::uint64_t{1} << 32) + 9, {{ChunkIndex{1}, 2}, {ChunkIndex{2}, 0}, {ChunkIndex{2}, 1}});
  EXPECT_EQ(asked.pull_id, pull_id);
  EXPECT_EQ(asked.timestamp, encode_timestamp(now_));
  EXPECT_EQ(asked.first_ask, 9U);
  EXPECT_EQ(asked.slice_bytes, 1371);
  EXPECT_EQ(asked.id, id_);
  EXPECT_EQ(asked.cookie, test::cookie_of(7));
  ASSERT_EQ(asked.run_count, 2);
  EXPECT_EQ(asked.runs[0], (packet::Run{ChunkIndex{1}, 2, 1}));
  EXPECT_EQ(asked.runs[1], (packet::Run{ChunkIndex{2}, 0, 2}));
}

TEST_F(RequestWriterTest, KnowsTheCookieThatTheLastPullHad) {
  EXPECT_EQ(writer_.asked_with(), Cookie{});
  path_.set_cookie(test::cookie_of(7), now_, 60s);
  hello(0);
  poll(0, {0, 1});
  EXPECT_EQ(writer_.asked_with(), Cookie{});
  pull(0, {{ChunkIndex{0}, 0}});
  path_.set_cookie(test::cookie_of(8), now_, 60s);
  EXPECT_EQ(writer_.asked_with(), test::cookie_of(7));
}

TEST_F(RequestWriterTest, ACookieThatHasExpiredIsNotSent) {
  path_.set_cookie(test::cookie_of(7), now_, 60s);
  now_ += 60s;
  EXPECT_EQ(hello(0).cookie, Cookie{});
}

TEST_F(RequestWriterTest, TellsOfDatagramsThatGoTogether) {
  hello(0);
  poll(0, {0, 1});
  EXPECT_EQ(observer_.count<event::DatagramSent>(), 0U);
  writer_.tell_sent();
  pull(0, {{ChunkIndex{0}, 0}});
  writer_.tell_sent();
  writer_.tell_sent();
  const auto told = observer_.all<event::DatagramSent>();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].datagrams, 2U);
  EXPECT_EQ(told[0].bytes, hello_bytes + poll_bytes);
  EXPECT_EQ(told[1].datagrams, 1U);
  EXPECT_EQ(told[1].bytes, pull_base_bytes + run_bytes);
}

}  // namespace
}  // namespace rgtp::packet
