// How a puller's engine begins, and how it keeps its cookie fresh.
#include "packet/puller_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

using PullerGreeting = PullerFixture;

TEST_F(PullerGreeting, BeginsWithHello) {
  EXPECT_LE(engine_->poll_timeout(now_), now_);
  const auto hello = hello_sent();
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->pull_id, pull_id);
  EXPECT_EQ(hello->id, manifest().id);
  EXPECT_EQ(hello->timestamp, encode_timestamp(now_));
  EXPECT_EQ(hello->slice_capacity, 1440);
  EXPECT_EQ(hello->cookie, Cookie{});
  EXPECT_EQ(hello->slices_wanted, 0U);
  EXPECT_TRUE(sent().empty());
}

TEST_F(PullerGreeting, SaysHelloAgainEverLessOften) {
  ASSERT_TRUE(hello_sent());
  Duration last{};
  std::size_t hellos = 1;
  const TimePoint end = now_ + 9s;
  while (now_ < end) {
    const TimePoint before = now_;
    wait();
    ASSERT_TRUE(hello_sent());
    ++hellos;
    if (hellos == 2) {
      EXPECT_EQ(now_ - before, 200ms);
    }
    EXPECT_GE(now_ - before, last);
    EXPECT_LE(now_ - before, 2s);
    last = now_ - before;
  }
  EXPECT_GE(hellos, 7U);
}

TEST_F(PullerGreeting, GivesUpAfterTheIdleTimeout) {
  while (sink_.ends() == 0) {
    sent();
    wait();
  }
  EXPECT_EQ(sink_.error(), Errc::timed_out);
  EXPECT_EQ(now_, test::start_time + 10s);
  EXPECT_TRUE(engine_->is_finished());
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(engine_->poll_timeout(now_), TimePoint::max());
}

TEST_F(PullerGreeting, EndsWhereTheExposerSpeaksOtherVersionsAlone) {
  ASSERT_TRUE(hello_sent());
  // Its own among them: the version of that HELLO was damaged on its way.
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::version});
  now_ += 60ms;
  engine_->handle_timeout(now_);
  EXPECT_EQ(sink_.ends(), 0U);
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::version, .version_min = 2, .version_max = 3});
  now_ += 250ms;
  engine_->handle_timeout(now_);
  EXPECT_EQ(sink_.error(), Errc::unsupported_version);
}

TEST_F(PullerGreeting, TakesTheManifest) {
  greet();
  EXPECT_EQ(sink_.manifest(), manifest());
  ASSERT_EQ(events<event::ManifestReceived>(), 1U);
  EXPECT_EQ(path_.cookie(now_), test::cookie_of(1));
  EXPECT_EQ(path_.rtt().smoothed(), round_trip);
  EXPECT_FALSE(pulls_sent().empty());
}

TEST_F(PullerGreeting, TakesTheManifestOnce) {
  const auto hello = hello_sent();
  wait();
  const auto again = hello_sent();
  ASSERT_TRUE(hello && again);
  receive(manifest_answer(*hello));
  receive(manifest_answer(*again));
  EXPECT_EQ(events<event::ManifestReceived>(), 1U);
  EXPECT_EQ(sink_.ends(), 0);
}

TEST_F(PullerGreeting, DropsTheManifestOfAnotherPullOrSurface) {
  const auto hello = hello_sent();
  ASSERT_TRUE(hello);
  ManifestAnswer other_pull = manifest_answer(*hello);
  other_pull.pull_id ^= 1;
  receive(other_pull);
  ManifestAnswer other_surface = manifest_answer(*hello);
  core::encode_manifest(test::manifest_of(100'000), other_surface.manifest);
  receive(other_surface);
  auto damaged = test::datagram_of(manifest_answer(*hello));
  damaged[80] ^= std::byte{1};
  receive_bytes(damaged);
  auto other_version = test::datagram_of(manifest_answer(*hello));
  other_version[2] = std::byte{2};
  receive_bytes(other_version);
  EXPECT_FALSE(sink_.manifest());
  EXPECT_EQ(events<event::DatagramDropped>(), 4U);
  EXPECT_EQ(sink_.ends(), 0);
  EXPECT_EQ(path_.cookie(now_), Cookie{});
}

TEST_F(PullerGreeting, EndsWithAManifestThatMeansNothingTimeAndAgain) {
  for (std::uint32_t answers = 0; answers < PullerEngine::max_unrecognized; ++answers) {
    EXPECT_EQ(sink_.ends(), 0);
    const auto hello = hello_sent();
    ASSERT_TRUE(hello);
    ManifestAnswer answer = manifest_answer(*hello);
    answer.manifest[3] = std::byte{63};  // chunks of 2^63 bytes
    receive(answer);
  }
  EXPECT_EQ(sink_.error(), Errc::malformed_data);
  EXPECT_EQ(sink_.ends(), 1);
}

TEST_F(PullerGreeting, StopsWithoutAWordWhereTheSinkDoesNotWantTheManifest) {
  sink_.refuse_manifest();
  greet();
  EXPECT_TRUE(engine_->is_finished());
  EXPECT_EQ(sink_.ends(), 0);
  EXPECT_TRUE(sent().empty());
}

TEST_F(PullerGreeting, AnEmptySurfaceIsLeftAlone) {
  const auto empty = test::published_store(test::manifest_of(0), {});
  engine_.reset();
  engine_.emplace(now_, PullerEngine::Options{empty->manifest().id, pull_id, 10s}, path_, sink_);
  const auto hello = hello_sent();
  ASSERT_TRUE(hello);
  ManifestAnswer answer = manifest_answer(*hello);
  core::encode_manifest(empty->manifest(), answer.manifest);
  answer.published = 0;
  answer.final_size = 0;
  now_ += round_trip;
  receive(answer);
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_TRUE(pulls_sent().empty());
}

TEST_F(PullerGreeting, RenewsTheCookieAtHalfItsLife) {
  sink_.want({ChunkIndex{0}, ChunkIndex{1}});
  const auto first_hello = hello_sent();
  ASSERT_TRUE(first_hello);
  const ManifestAnswer first_answer = manifest_answer(*first_hello);
  now_ += round_trip;
  receive(first_answer);
  const TimePoint greeted = now_;
  for (const PullRequest& pull : pulls_sent()) serve(pull);
  std::optional<Hello> hello;
  for (int i = 0; i < 100 && !hello; ++i) {
    wait();
    hello = hello_sent();
  }
  ASSERT_TRUE(hello);
  EXPECT_EQ(now_, greeted + 60s);
  EXPECT_EQ(hello->cookie, test::cookie_of(1));
  EXPECT_EQ(hello->slices_wanted, 0U);
  ManifestAnswer answer = manifest_answer(*hello);
  answer.cookie = test::cookie_of(2);
  receive(answer);
  EXPECT_EQ(events<event::ManifestReceived>(), 1U);
  sink_.want({ChunkIndex{0}, ChunkIndex{2}});
  const auto pulls = pulls_sent();
  ASSERT_FALSE(pulls.empty());
  EXPECT_EQ(pulls[0].cookie, test::cookie_of(2));
  // The answer from before, that somebody kept.
  receive(first_answer);
  EXPECT_EQ(path_.cookie(now_), test::cookie_of(2));
}

TEST_F(PullerGreeting, AsksForNothingWithACookieThatDied) {
  sink_.want({ChunkIndex{0}, ChunkIndex{1}});
  greet();
  for (const PullRequest& pull : pulls_sent()) serve(pull);
  now_ += 120s;
  engine_->handle_timeout(now_);
  sink_.want({ChunkIndex{0}, ChunkIndex{2}});
  const auto datagrams = sent();
  ASSERT_EQ(datagrams.size(), 1U);
  const auto hello = parse_hello(datagrams[0]);
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->cookie, Cookie{});
  receive(manifest_answer(*hello));
  EXPECT_FALSE(pulls_sent().empty());
}

TEST_F(PullerGreeting, AsksAgainWithTheCookieOfARetry) {
  greet();
  const auto first = pulls_sent();
  ASSERT_FALSE(first.empty());
  const auto retry = [](std::uint32_t timestamp, unsigned cookie) {
    return Refuse{.pull_id = pull_id,
                  .timestamp = timestamp,
                  .reason = Refusal::retry,
                  .cookie = test::cookie_of(cookie)};
  };
  now_ += round_trip;
  receive(retry(first[0].timestamp, 7));
  const auto second = pulls_sent();
  ASSERT_FALSE(second.empty());
  EXPECT_EQ(second[0].cookie, test::cookie_of(7));
  EXPECT_EQ(second[0].asked()[0], first[0].asked()[0]);
  // The answers to the other requests of that window say the same and change nothing.
  receive(retry(first[0].timestamp, 7));
  EXPECT_TRUE(pulls_sent().empty());
  // Nor does a replay of what another exposer's secret once made.
  receive(retry(first[0].timestamp, 6));
  EXPECT_TRUE(pulls_sent().empty());
  EXPECT_EQ(path_.cookie(now_), test::cookie_of(7));
  EXPECT_EQ(sink_.ends(), 0);
  for (const PullRequest& pull : second) serve(pull);
  fetch_all();
}

TEST_F(PullerGreeting, EveryPullOfAPathAsksAgainAfterItsRetry) {
  test::MemorySink other_sink;
  PullerEngine other(now_, {manifest().id, pull_id + 1, 10s}, path_, other_sink);
  for (test::MemorySink* const sink : {&sink_, &other_sink}) sink->want({ChunkIndex{0}, ChunkIndex{1}});
  const auto hello = parse_hello(sent(other).at(0));
  ASSERT_TRUE(hello);
  greet();
  other.handle_datagram(now_, test::datagram_of(manifest_answer(*hello)));
  const auto asked = pulls_sent();
  ASSERT_EQ(asked.size(), 2U);
  ASSERT_EQ(pulls_sent(other).size(), 2U);
  // Both are told the same cookie, twice, one after the other.
  for (const bool first : {true, false}) {
    for (PullerEngine* const engine : {&*engine_, &other}) {
      engine->handle_datagram(now_, test::datagram_of(Refuse{.pull_id = engine->pull_id(),
                                                             .timestamp = asked[0].timestamp,
                                                             .reason = Refusal::retry,
                                                             .cookie = test::cookie_of(7)}));
      const auto again = pulls_sent(*engine);
      ASSERT_EQ(again.size(), first ? 2U : 0U);
      for (const PullRequest& pull : again) EXPECT_EQ(pull.cookie, test::cookie_of(7));
    }
  }
}

class SecondPull : public PullerFixture {
 protected:
  SecondPull() : PullerFixture(20'000) { path_.set_cookie(test::cookie_of(1), now_, 120s); }
};

TEST_F(SecondPull, HasTheFirstSlicesFollowItsHello) {
  const auto hello = hello_sent();
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->cookie, test::cookie_of(1));
  ASSERT_GT(hello->slices_wanted, 0U);
  now_ += round_trip;
  receive(manifest_answer(*hello));
  PullRequest followed{.first_ask = hello->first_ask, .slice_bytes = slice_bytes(), .id = {}};
  runs_from_beginning(manifest(), manifest().chunk_count(), hello->slices_wanted, followed);
  serve(followed);
  // 20,016 bytes and four trailers more are 15 slices: all of them followed.
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_TRUE(std::ranges::equal(sink_.bytes(), surface_));
  EXPECT_TRUE(pulls_sent().empty());
  EXPECT_EQ(path_.in_flight(), 0U);
  EXPECT_EQ(events<event::SlicesLost>(), 0U);
}

TEST_F(SecondPull, AsksForWhatFollowedOnlyWhereItWasLost) {
  const auto hello = hello_sent();
  ASSERT_TRUE(hello);
  now_ += round_trip;
  receive(manifest_answer(*hello));
  PullRequest followed{.first_ask = hello->first_ask, .slice_bytes = slice_bytes(), .id = {}};
  runs_from_beginning(manifest(), manifest().chunk_count(), hello->slices_wanted, followed);
  const auto asks = asks_of(followed);
  for (const auto& [ask, slice] : asks)
    if (ask != 3) receive_bytes(data_for(ask, slice));
  const auto pulls = pulls_sent();
  ASSERT_EQ(pulls.size(), 1U);
  EXPECT_EQ(pulls[0].first_ask, asks.size());
  ASSERT_EQ(pulls[0].slices(), 1U);
  EXPECT_EQ(asks_of(pulls[0])[0].second, asks[3].second);
  serve(pulls[0]);
  EXPECT_TRUE(sink_.is_complete());
}

TEST_F(SecondPull, WaitsForWhatFollowsHoweverLongTheManifestTook) {
  path_.rtt().on_sample(1ms);
  const auto hello = hello_sent();
  ASSERT_TRUE(hello);
  now_ += 50ms;
  receive(manifest_answer(*hello));
  engine_->handle_timeout(now_);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(events<event::ProbeTimeout>(), 0U);
  now_ += path_.answer_time();
  EXPECT_FALSE(pulls_sent().empty());
  EXPECT_EQ(events<event::ProbeTimeout>(), 1U);
}

// The answer to the first HELLO comes after the second one was sent.
TEST_F(SecondPull, TakesTheRoundTripOfTheHelloThatWasAnswered) {
  const auto hello = hello_sent();
  ASSERT_TRUE(hello);
  now_ += 210ms;
  const auto again = hello_sent();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->slices_wanted, hello->slices_wanted);
  EXPECT_EQ(again->slice_capacity, hello->slice_capacity);
  now_ += 5ms;
  receive(manifest_answer(*hello));
  PullRequest followed{.first_ask = hello->first_ask, .slice_bytes = slice_bytes(), .id = {}};
  runs_from_beginning(manifest(), manifest().chunk_count(), hello->slices_wanted, followed);
  serve(followed);
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_GE(path_.rtt().latest(), 200ms);
}

TEST_F(SecondPull, AsksForWhatItWantsWhereThatIsNotTheBeginning) {
  sink_.want({ChunkIndex{3}, ChunkIndex{5}});
  const auto hello = hello_sent();
  ASSERT_TRUE(hello);
  now_ += round_trip;
  receive(manifest_answer(*hello));
  PullRequest followed{.first_ask = 0, .slice_bytes = slice_bytes(), .id = {}};
  runs_from_beginning(manifest(), manifest().chunk_count(), hello->slices_wanted, followed);
  // Of what followed, only what is not wanted arrives.
  for (const auto& [ask, slice] : asks_of(followed))
    if (slice.chunk < ChunkIndex{3}) receive_bytes(data_for(ask, slice));
  for (int round = 0; round < 10 && !sink_.is_there(ChunkIndex{4}); ++round) {
    for (const PullRequest& pull : pulls_sent()) serve(pull);
    now_ += round_trip;
    engine_->handle_timeout(now_);
  }
  EXPECT_TRUE(sink_.is_there(ChunkIndex{3}));
  EXPECT_TRUE(sink_.is_there(ChunkIndex{4}));
  EXPECT_FALSE(sink_.is_there(ChunkIndex{0}));
  EXPECT_EQ(sink_.rejected(), 0U);
}

}  // namespace
}  // namespace rgtp::packet
