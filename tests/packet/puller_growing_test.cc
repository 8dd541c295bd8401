// A puller's engine whose surface is still being written.
#include "packet/puller_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

// 25 chunks, or fewer where a final size says so. What the store holds is published as the test says.
class GrowingPuller : public PullerFixture {
 protected:
  void greet_with(std::uint32_t published, std::optional<std::uint64_t> final_size = std::nullopt) {
    const auto hello = hello_sent();
    ASSERT_TRUE(hello);
    now_ += round_trip;
    receive(growing_answer(*hello, published, final_size));
  }
  ManifestAnswer growing_answer(const Hello& hello, std::uint32_t published,
                                std::optional<std::uint64_t> final_size = std::nullopt) const {
    ManifestAnswer answer = manifest_answer(hello);
    Manifest growing = manifest();
    growing.size = 25 * 4096;
    growing.size_pending = true;
    core::encode_manifest(growing, answer.manifest);
    answer.published = published;
    answer.final_size_known = final_size.has_value();
    answer.final_size = final_size.value_or(0);
    return answer;
  }
  static Announce announce(std::uint64_t bits, std::optional<std::uint64_t> final_size = std::nullopt) {
    Announce announce{.pull_id = pull_id,
                      .final_size_known = final_size.has_value(),
                      .published_to = static_cast<std::uint32_t>(std::popcount(bits)),
                      .final_size = final_size.value_or(0),
                      .words = {0, 1}};
    announce.bitmap[0] = bits;
    return announce;
  }
  std::vector<Poll> polls_sent() {
    std::vector<Poll> polls;
    for (const Bytes& bytes : sent())
      if (const auto poll = parse_poll(bytes)) polls.push_back(*poll);
    return polls;
  }
  // The chunks that are asked for now.
  std::vector<std::uint32_t> chunks_asked() {
    std::vector<std::uint32_t> chunks;
    for (const PullRequest& pull : pulls_sent()) {
      last_pulls_.push_back(pull);
      for (const Run& run : pull.asked())
        if (chunks.empty() || chunks.back() != run.chunk.value) chunks.push_back(run.chunk.value);
    }
    return chunks;
  }
  void serve_all() {
    for (const PullRequest& pull : std::exchange(last_pulls_, {})) serve(pull);
  }

  std::vector<PullRequest> last_pulls_;
};

TEST_F(GrowingPuller, PollsOnceItHasTheManifest) {
  greet_with(3);
  const auto polls = polls_sent();
  ASSERT_EQ(polls.size(), 1U);
  EXPECT_EQ(polls[0].pull_id, pull_id);
  EXPECT_EQ(polls[0].id, manifest().id);
  EXPECT_EQ(polls[0].cookie, test::cookie_of(1));
  EXPECT_EQ(polls[0].published, 3U);
  EXPECT_EQ(polls[0].words, (WordRange{0, 1}));
  EXPECT_EQ(polls[0].rtt_us, 20'000U);
  EXPECT_EQ(polls[0].timestamp, encode_timestamp(now_));
}

TEST_F(GrowingPuller, DoesNotPollForASurfaceThatIsFinished) {
  greet_with(25, 25 * 4096);
  EXPECT_TRUE(polls_sent().empty());
  EXPECT_GT(engine_->poll_timeout(now_), now_);
}

// Whoever hides the end, which lies in the last chunk that there can be, does not hide it for long.
TEST_F(GrowingPuller, PollsForTheEndWhereEveryChunkIsThereAndThatIsNot) {
  greet_with(25);
  EXPECT_EQ(polls_sent().size(), 1U);
}

TEST_F(GrowingPuller, AsksForWhatIsPublishedAlone) {
  greet_with(0);
  EXPECT_TRUE(chunks_asked().empty());
  now_ += round_trip;
  receive(announce(0b1011));
  EXPECT_EQ(chunks_asked(), (std::vector<std::uint32_t>{0, 1, 3}));
  serve_all();
  EXPECT_TRUE(sink_.is_there(ChunkIndex{3}));
  EXPECT_FALSE(sink_.is_there(ChunkIndex{2}));
  // In any order.
  receive(announce(0b1111));
  EXPECT_EQ(chunks_asked(), std::vector<std::uint32_t>{2});
  serve_all();
  EXPECT_TRUE(sink_.is_there(ChunkIndex{2}));
  EXPECT_EQ(path_.in_flight(), 0U);
  EXPECT_EQ(events<event::SlicesLost>(), 0U);
}

TEST_F(GrowingPuller, PollsAtIntervalsThatDoubleUntilThereIsNews) {
  greet_with(0);
  std::vector<TimePoint> polled;
  const auto poll_for = [&](Duration time) {
    polled.clear();
    for (const TimePoint end = now_ + time; now_ < end; wait())
      for (std::size_t i = polls_sent().size(); i > 0; --i) polled.push_back(now_);
  };
  poll_for(500ms);
  ASSERT_GE(polled.size(), 7U);
  const Duration expected[] = {5ms, 10ms, 20ms, 40ms, 80ms, 100ms};
  for (std::size_t i = 0; i < std::size(expected); ++i)
    EXPECT_EQ(polled[i + 1] - polled[i], expected[i]) << i;
  // What nothing is learned from changes nothing.
  receive(announce(0));
  poll_for(300ms);
  EXPECT_LE(polled.size(), 4U);
  receive(announce(1));
  serve(pulls_sent().at(0));
  poll_for(100ms);
  EXPECT_GE(polled.size(), 4U);
}

TEST_F(GrowingPuller, StopsPollingWhenAllThatItWantsIsPublished) {
  sink_.want({ChunkIndex{2}, ChunkIndex{4}});
  greet_with(0);
  EXPECT_EQ(polls_sent().size(), 1U);
  receive(announce(0b1100));
  EXPECT_EQ(chunks_asked(), (std::vector<std::uint32_t>{2, 3}));
  serve_all();
  now_ += 1s;
  engine_->handle_timeout(now_);
  EXPECT_TRUE(polls_sent().empty());
}

TEST_F(GrowingPuller, DoesNotTimeOutWhileItsPollsAreAnswered) {
  greet_with(0);
  for (const TimePoint end = now_ + 60s; now_ < end && sink_.ends() == 0; wait())
    if (!polls_sent().empty()) receive(announce(0));
  EXPECT_EQ(sink_.ends(), 0);
  // Nor is it stuck by then: nothing is asked for twice.
  receive(announce(0b1));
  EXPECT_EQ(chunks_asked(), std::vector<std::uint32_t>{0});
  now_ += 1ms;
  engine_->handle_timeout(now_);
  EXPECT_TRUE(chunks_asked().empty());
  serve_all();
  EXPECT_TRUE(sink_.is_there(ChunkIndex{0}));
}

TEST_F(GrowingPuller, TimesOutWhenItsPollsAreNotAnswered) {
  greet_with(0);
  const TimePoint heard = now_;
  suffer_silence([] { return false; });
  EXPECT_EQ(sink_.error(), Errc::timed_out);
  EXPECT_EQ(now_, heard + 10s);
}

TEST_F(GrowingPuller, HasItsWholeTimeoutOnceItWantsMore) {
  sink_.want({});
  greet_with(0);
  EXPECT_TRUE(polls_sent().empty());
  for (int i = 0; i < 10; ++i) {
    now_ += 3s;
    engine_->handle_timeout(now_);
    (void)engine_->poll_timeout(now_);
  }
  EXPECT_EQ(sink_.ends(), 0);
  sink_.want({ChunkIndex{0}, ChunkIndex{1}});
  const TimePoint wanted = now_;
  EXPECT_EQ(polls_sent().size(), 1U);
  suffer_silence([] { return false; });
  EXPECT_EQ(sink_.error(), Errc::timed_out);
  EXPECT_EQ(now_, wanted + 10s);
}

TEST_F(GrowingPuller, AnExposerThatDiesWhileItIsPolledIsGone) {
  greet_with(0);
  for (int i = 0; i < 100 && sink_.ends() == 0; ++i, wait())
    if (!polls_sent().empty()) engine_->handle_unreachable(now_);
  EXPECT_EQ(sink_.error(), Errc::exposer_gone);
}

TEST_F(GrowingPuller, TellsTheFinalSizeBeforeItAsksForTheEnd) {
  greet_with(0);
  EXPECT_FALSE(sink_.final_size());
  receive(announce(0b11, 4097));
  EXPECT_EQ(sink_.final_size(), 4097U);
  // As a sink does that was told.
  sink_.want({ChunkIndex{0}, ChunkIndex{2}});
  EXPECT_EQ(chunks_asked(), (std::vector<std::uint32_t>{0, 1}));
  EXPECT_TRUE(polls_sent().empty());
}

TEST_F(GrowingPuller, TellsAFinalSizeThatComesWithTheManifest) {
  greet_with(1, 100);
  EXPECT_EQ(sink_.final_size(), 100U);
  EXPECT_EQ(chunks_asked(), std::vector<std::uint32_t>{0});
}

TEST_F(GrowingPuller, TellsAFinalSizeThatComesWithALaterManifest) {
  greet_with(0);
  receive(growing_answer({.pull_id = pull_id, .id = {}}, 2, 5000));
  EXPECT_EQ(sink_.final_size(), 5000U);
  EXPECT_EQ(chunks_asked(), (std::vector<std::uint32_t>{0, 1}));
}

TEST_F(GrowingPuller, AsksForNothingBehindTheEnd) {
  // Two chunks are said to be published and are asked for, and then the surface ends before them.
  greet_with(0);
  Announce lie = announce(0b1101);
  lie.published_to = 1;
  receive(lie);
  EXPECT_EQ(chunks_asked(), (std::vector<std::uint32_t>{0, 2, 3}));
  lie.final_size_known = true;
  lie.final_size = 5000;
  receive(lie);
  EXPECT_EQ(sink_.final_size(), 5000U);
  suffer_silence([&] { return unanswered_.size() > 20; });
  for (const PullRequest& pull : unanswered_)
    for (const Run& run : pull.asked()) EXPECT_EQ(run.chunk, ChunkIndex{0});
  EXPECT_GT(unanswered_.size(), 3U);
}

TEST_F(GrowingPuller, AFinalSizeThatTheSinkRefusesEndsThePullWithoutAWord) {
  greet_with(0);
  sink_.refuse_final_size();
  receive(announce(0b1, 4096));
  EXPECT_TRUE(engine_->is_finished());
  EXPECT_EQ(sink_.ends(), 0);
  EXPECT_TRUE(sent().empty());
}

TEST_F(GrowingPuller, AFinalSizeThatChangesEndsThePull) {
  greet_with(0);
  receive(announce(0b1, 4096));
  EXPECT_EQ(sink_.ends(), 0);
  receive(announce(0b1, 4097));
  EXPECT_EQ(sink_.error(), Errc::malformed_data);
}

TEST_F(GrowingPuller, AManifestThatGoesOnContradictingItselfEndsThePull) {
  for (std::uint32_t answers = 1; answers < PullerEngine::max_unrecognized; ++answers) {
    greet_with(26);
    EXPECT_EQ(sink_.ends(), 0);
  }
  greet_with(26);
  EXPECT_EQ(sink_.error(), Errc::malformed_data);
}

TEST_F(GrowingPuller, DropsAnnouncesThatCannotBe) {
  greet_with(2);
  const auto dropped = events<event::DatagramDropped>();
  Announce wrong = announce(0b11);
  wrong.words = {1, 1};
  receive(wrong);
  receive(announce(std::uint64_t{1} << 25 | 1));
  wrong = announce(0b11);
  wrong.pull_id = 7;
  receive(wrong);
  EXPECT_EQ(events<event::DatagramDropped>(), dropped + 3);
  EXPECT_TRUE(chunks_asked().empty());
  EXPECT_EQ(sink_.ends(), 0);
}

TEST_F(GrowingPuller, DropsAnnouncesBeforeTheManifest) {
  EXPECT_TRUE(hello_sent());
  receive(announce(0b11));
  EXPECT_EQ(events<event::DatagramDropped>(), 1U);
}

TEST_F(GrowingPuller, TakesANewCookieForItsPolls) {
  greet_with(0);
  const auto asked = polls_sent();
  ASSERT_EQ(asked.size(), 1U);
  receive(Refuse{.pull_id = pull_id,
                 .timestamp = asked[0].timestamp,
                 .reason = Refusal::retry,
                 .cookie = test::cookie_of(9)});
  wait();
  const auto polls = polls_sent();
  ASSERT_EQ(polls.size(), 1U);
  EXPECT_EQ(polls[0].cookie, test::cookie_of(9));
}

TEST_F(GrowingPuller, ARefusedPollEndsThePull) {
  greet_with(0);
  EXPECT_EQ(polls_sent().size(), 1U);
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::aborted});
  const TimePoint refused = now_;
  while (sink_.ends() == 0 && now_ < refused + 1s) {
    (void)sent();
    wait();
  }
  EXPECT_EQ(sink_.error(), Errc::aborted);
  EXPECT_EQ(now_, refused + 50ms);
}

TEST_F(GrowingPuller, OnAKnownPathDoesNotTakeItsAsksForThoseOfItsHello) {
  path_.set_cookie(test::cookie_of(1), now_, 120s);
  const auto hello = hello_sent();
  ASSERT_TRUE(hello);
  ASSERT_GT(hello->slices_wanted, 0U);
  now_ += round_trip;
  receive(growing_answer(*hello, 0));
  receive(announce(0b10));
  EXPECT_EQ(chunks_asked(), std::vector<std::uint32_t>{1});
  for (const PullRequest& pull : last_pulls_) EXPECT_GE(pull.first_ask, hello->slices_wanted);
  serve_all();
  EXPECT_EQ(events<event::SlicesLost>(), 0U);
  EXPECT_TRUE(sink_.is_there(ChunkIndex{1}));
  EXPECT_EQ(path_.in_flight(), 0U);
}

// A surface whose bitmap one ANNOUNCE does not carry, on a path of 9,000 bytes and on the narrowest.
class WideGrowingPuller : public GrowingPuller {
 protected:
  WordRange words_polled_over(std::uint32_t mtu) {
    Path path(Path::Options{IpVersion::v4, mtu, 212'992});
    PullerEngine engine(now_, {manifest().id, pull_id, 10s}, path, sink_);
    const auto hello = parse_hello(sent(engine).at(0));
    ManifestAnswer answer = growing_answer(*hello, 0);
    Manifest wide = manifest();
    wide.size = 20'000 * 4096ULL;
    core::encode_manifest(wide, answer.manifest);
    now_ += round_trip;
    engine.handle_datagram(now_, test::datagram_of(answer));
    for (const Bytes& bytes : sent(engine))
      if (const auto poll = parse_poll(bytes)) return poll->words;
    return {};
  }
};

TEST_F(WideGrowingPuller, PollsForWhatThePathCarriesAndEveryPathDoes) {
  EXPECT_EQ(words_polled_over(9000), (WordRange{0, 136}));
  EXPECT_EQ(words_polled_over(1500), (WordRange{0, 136}));
  EXPECT_EQ(words_polled_over(576), (WordRange{0, 60}));
}

}  // namespace
}  // namespace rgtp::packet
