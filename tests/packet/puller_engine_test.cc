#include "packet/puller_engine.h"

#include <random>
#include <set>

#include "packet/puller_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

using PullerEngineTest = PullerFixture;

TEST_F(PullerEngineTest, FetchesEverything) {
  greet();
  fetch_all();
  EXPECT_EQ(events<event::SlicesLost>(), 0U);
  EXPECT_EQ(events<event::DatagramDropped>(), 0U);
  EXPECT_EQ(path_.in_flight(), 0U);
}

TEST_F(PullerEngineTest, AsksForEverySliceOnceWhereNothingIsLost) {
  greet();
  fetch_all();
  std::uint32_t asked = 0;
  for (const auto& ask : sink_.observer().all<event::Asked>()) {
    EXPECT_EQ(ask.first_ask, asked);
    EXPECT_EQ(ask.again, 0U);
    asked += ask.slices;
  }
  std::uint32_t slices = 0;
  for (std::uint32_t chunk = 0; chunk < manifest().chunk_count(); ++chunk)
    slices += slices_of(manifest(), ChunkIndex{chunk}, slice_bytes());
  EXPECT_EQ(asked, slices);
}

TEST_F(PullerEngineTest, KeepsWithinTheFirstWindow) {
  greet();
  std::uint32_t slices = 0;
  for (const PullRequest& pull : pulls_sent()) {
    EXPECT_EQ(pull.pull_id, pull_id);
    EXPECT_EQ(pull.id, manifest().id);
    EXPECT_EQ(pull.cookie, test::cookie_of(1));
    EXPECT_EQ(pull.slice_bytes, slice_bytes());
    EXPECT_EQ(pull.first_ask, slices);
    slices += pull.slices();
  }
  EXPECT_GE(slices, 2U);
  EXPECT_LE(slices * path_.ip_bytes(slice_bytes()), path_.window_bytes());
  EXPECT_EQ(path_.in_flight(), slices * path_.ip_bytes(slice_bytes()));
}

TEST_F(PullerEngineTest, DropsDataThatIsNotWhatItAskedFor) {
  greet();
  const auto pulls = pulls_sent();
  const auto [ask, slice] = asks_of(pulls.at(0)).at(0);
  const auto right = data_for(ask, slice);
  std::vector<Bytes> wrong;
  auto& damaged = wrong.emplace_back(right);
  damaged[500] ^= std::byte{4};
  auto& shorter = wrong.emplace_back(right);
  shorter.pop_back();
  seal_datagram(shorter);
  auto& longer = wrong.emplace_back(right);
  longer.push_back(std::byte{0});
  seal_datagram(longer);
  auto& other_pull = wrong.emplace_back(right);
  other_pull[8] ^= std::byte{1};
  seal_datagram(other_pull);
  auto& other_type = wrong.emplace_back(right);
  other_type[3] = std::byte{5};
  seal_datagram(other_type);
  wrong.push_back(test::datagram_of(Hello{.pull_id = pull_id, .slice_capacity = 1000, .id = {}}));
  wrong.push_back({});
  for (const Bytes& bytes : wrong) receive_bytes(bytes);
  EXPECT_EQ(events<event::DatagramDropped>(), wrong.size());
  EXPECT_EQ(events<event::SliceReceived>(), 0U);
  receive_bytes(right);
  EXPECT_EQ(events<event::SliceReceived>(), 1U);
  EXPECT_FALSE(sink_.observer().all<event::SliceReceived>()[0].duplicate);
}

TEST_F(PullerEngineTest, DropsDataBeforeTheManifest) {
  ASSERT_TRUE(hello_sent());
  receive_bytes(data_for(0, {ChunkIndex{0}, 0}));
  EXPECT_EQ(events<event::DatagramDropped>(), 1U);
}

TEST_F(PullerEngineTest, DataForNoChunkOrSliceThatThereIsChangesNothing) {
  greet();
  const auto pulls = pulls_sent();
  const auto payload = test::pattern(slice_bytes(), 99);
  for (const SliceId& slice : {SliceId{ChunkIndex{0}, 3}, SliceId{ChunkIndex{0}, 65535},
                               SliceId{ChunkIndex{25}, 0}, SliceId{ChunkIndex{0xffff'ffff}, 0}})
    for (const std::uint32_t ask : {0x8000'0000U, 0xffff'ffffU, 1000U})
      receive_bytes(test::data_datagram(
          {.pull_id = pull_id, .ask = ask, .chunk = slice.chunk, .slice = slice.slice}, payload));
  for (const auto& received : sink_.observer().all<event::SliceReceived>()) EXPECT_TRUE(received.duplicate);
  for (const PullRequest& pull : pulls) serve(pull);
  fetch_all();
  EXPECT_EQ(sink_.rejected(), 0U);
}

TEST_F(PullerEngineTest, PlacesDataWhateverItsAskNumberSays) {
  greet();
  for (const PullRequest& pull : pulls_sent())
    for (const auto& [ask, slice] : asks_of(pull)) receive_bytes(data_for(ask + 5'000'000, slice));
  for (const auto& received : sink_.observer().all<event::SliceReceived>()) EXPECT_FALSE(received.duplicate);
  EXPECT_TRUE(sink_.is_there(ChunkIndex{0}));
}

TEST_F(PullerEngineTest, IgnoresDuplicates) {
  greet();
  const auto pulls = pulls_sent();
  now_ += round_trip;
  for (int times = 0; times < 3; ++times)
    for (const PullRequest& pull : pulls) serve(pull);
  EXPECT_EQ(path_.in_flight(), 0U);
  EXPECT_EQ(events<event::LossWasSpurious>(), 0U);
  fetch_all();
}

TEST_F(PullerEngineTest, TakesDataInAnyOrder) {
  greet();
  std::mt19937 random(1);
  for (int round = 0; round < 1000 && !sink_.is_complete(); ++round) {
    std::vector<Bytes> answers;
    for (const PullRequest& pull : pulls_sent())
      for (const auto& [ask, slice] : asks_of(pull)) answers.push_back(data_for(ask, slice));
    std::ranges::shuffle(answers, random);
    now_ += round_trip;
    for (const Bytes& answer : answers) receive_bytes(answer);
  }
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_TRUE(std::ranges::equal(sink_.bytes(), surface_));
}

TEST_F(PullerEngineTest, AsksForLostSlicesFirst) {
  greet();
  auto pulls = pulls_sent();
  now_ += round_trip;
  std::vector<SliceId> lost;
  for (const PullRequest& pull : pulls)
    for (const auto& [ask, slice] : asks_of(pull))
      if (ask == 0 || ask == 2)
        lost.push_back(slice);
      else
        receive_bytes(data_for(ask, slice));
  settle();
  ASSERT_EQ(lost.size(), 2U);
  ASSERT_EQ(events<event::SlicesLost>(), 2U);
  pulls = pulls_sent();
  ASSERT_FALSE(pulls.empty());
  const auto asks = asks_of(pulls[0]);
  ASSERT_GE(asks.size(), 2U);
  EXPECT_EQ(asks[0].second, lost[0]);
  EXPECT_EQ(asks[1].second, lost[1]);
  std::uint32_t again = 0;
  for (const auto& asked : sink_.observer().all<event::Asked>()) again += asked.again;
  EXPECT_EQ(again, 2U);
}

TEST_F(PullerEngineTest, TakesALateAnswerForALostSlice) {
  greet();
  const auto pulls = pulls_sent();
  now_ += round_trip;
  for (const PullRequest& pull : pulls)
    for (const auto& [ask, slice] : asks_of(pull))
      if (ask != 0) receive_bytes(data_for(ask, slice));
  settle();
  ASSERT_EQ(events<event::SlicesLost>(), 1U);
  EXPECT_FALSE(sink_.is_there(ChunkIndex{0}));
  const auto [ask, slice] = asks_of(pulls[0])[0];
  receive_bytes(data_for(ask, slice));
  EXPECT_EQ(events<event::LossWasSpurious>(), 1U);
  EXPECT_TRUE(sink_.is_there(ChunkIndex{0}));
  // It need not be asked for again.
  for (const PullRequest& pull : pulls_sent())
    for (const auto& [_, asked] : asks_of(pull)) EXPECT_NE(asked, slice);
}

TEST_F(PullerEngineTest, GivesUpAChunkThatFailsEightTimes) {
  greet();
  int rounds = 0;
  while (sink_.ends() == 0 && ++rounds < 200) {
    const auto pulls = pulls_sent();
    now_ += round_trip;
    for (const PullRequest& pull : pulls)
      for (const auto& [ask, slice] : asks_of(pull)) {
        const bool bad = slice == SliceId{ChunkIndex{0}, 1};
        const Data data{.pull_id = pull_id, .ask = ask, .chunk = slice.chunk, .slice = slice.slice};
        if (sink_.ends() == 0)
          receive_bytes(bad ? test::data_datagram(data, test::pattern(slice_bytes(), 5))
                            : data_for(ask, slice));
      }
  }
  EXPECT_EQ(sink_.rejected(), 8U);
  EXPECT_EQ(sink_.error(), Errc::corrupted);
  EXPECT_EQ(sink_.ends(), 1);
  EXPECT_TRUE(sent().empty());
}

TEST_F(PullerEngineTest, RepairsAChunkThatFailedSevenTimes) {
  greet();
  for (int rounds = 0; rounds < 200 && !sink_.is_complete(); ++rounds) {
    const auto pulls = pulls_sent();
    now_ += round_trip;
    for (const PullRequest& pull : pulls)
      for (const auto& [ask, slice] : asks_of(pull)) {
        const bool bad = slice == SliceId{ChunkIndex{0}, 1} && sink_.rejected() < 7;
        const Data data{.pull_id = pull_id, .ask = ask, .chunk = slice.chunk, .slice = slice.slice};
        receive_bytes(bad ? test::data_datagram(data, test::pattern(slice_bytes(), 5))
                          : data_for(ask, slice));
      }
  }
  EXPECT_EQ(sink_.rejected(), 7U);
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_EQ(sink_.ends(), 0);
}

TEST_F(PullerEngineTest, ProbesForTheLastSlicesWhereNothingComes) {
  greet();
  const auto first = pulls_sent();
  std::vector<SliceId> asked;
  for (const PullRequest& pull : first)
    for (const auto& [_, slice] : asks_of(pull)) asked.push_back(slice);
  const TimePoint then = now_;
  // What is left of the window may be asked for first, as the pacer lets it.
  suffer_silence([&] { return events<event::ProbeTimeout>() == 1; });
  ASSERT_FALSE(unanswered_.empty());
  EXPECT_GE(now_ - then, path_.rtt().probe_timeout());
  EXPECT_LE(now_ - then, 2s);
  const PullRequest& probe = unanswered_.back();
  EXPECT_GE(probe.slices(), 1U);
  EXPECT_LE(probe.slices(), 4U);
  const auto probed = asks_of(probe).back().second;
  for (std::size_t i = 0; i + 1 < unanswered_.size(); ++i)
    for (const auto& [_, slice] : asks_of(unanswered_[i])) asked.push_back(slice);
  EXPECT_EQ(probed, *std::ranges::max_element(asked));
  // Its arrival shows that everything before is lost.
  now_ += round_trip;
  serve(probe);
  EXPECT_GE(events<event::SlicesLost>(), 1U);
  fetch_all();
}

TEST_F(PullerEngineTest, ProbesEverLessOften) {
  greet();
  std::vector<TimePoint> probes;
  suffer_silence([&] {
    if (events<event::ProbeTimeout>() > probes.size()) probes.push_back(now_);
    return probes.size() == 4;
  });
  ASSERT_EQ(probes.size(), 4U);
  for (std::size_t i = 2; i < probes.size(); ++i) {
    EXPECT_GE(probes[i] - probes[i - 1], probes[i - 1] - probes[i - 2]);
    EXPECT_LE(probes[i] - probes[i - 1], LossDetector::max_probe_interval + 1us);
  }
}

TEST_F(PullerEngineTest, TimesOutInSilenceAndKeepsWhatWasVerified) {
  greet();
  for (const PullRequest& pull : pulls_sent()) serve(pull);
  ASSERT_TRUE(sink_.is_there(ChunkIndex{0}));
  const TimePoint heard = now_;
  suffer_silence([] { return false; });
  EXPECT_EQ(sink_.error(), Errc::timed_out);
  EXPECT_EQ(now_, heard + 10s);
  EXPECT_EQ(sink_.ends(), 1);
  EXPECT_TRUE(sink_.is_there(ChunkIndex{0}));
}

TEST_F(PullerEngineTest, WantsWhatItsSinkWants) {
  sink_.want({ChunkIndex{2}, ChunkIndex{4}});
  greet();
  std::vector<ChunkIndex> chunks;
  for (int round = 0; round < 20; ++round) {
    for (const PullRequest& pull : pulls_sent()) {
      for (const Run& run : pull.asked()) chunks.push_back(run.chunk);
      serve(pull);
    }
    if (round == 5) sink_.want({ChunkIndex{20}, ChunkIndex{21}});
    now_ += round_trip;
  }
  EXPECT_TRUE(std::ranges::all_of(
      chunks, [](ChunkIndex chunk) { return chunk.value == 2 || chunk.value == 3 || chunk.value == 20; }));
  EXPECT_TRUE(sink_.is_there(ChunkIndex{20}));
}

TEST_F(PullerEngineTest, AsksForAllThatIsMissingAgainWhereItIsStuck) {
  path_.limit_slice_capacity(fallback_slice_capacity);  // that every path has, so that this is no black hole
  greet();
  for (const PullRequest& pull : pulls_sent()) unanswered_.push_back(pull);
  // One slice comes, and then nothing more.
  now_ += round_trip;
  receive_bytes(data_for(0, {ChunkIndex{0}, 0}));
  const TimePoint stuck = now_ + std::max<Duration>(1s, 8 * path_.rtt().probe_timeout());
  suffer_silence([&] { return now_ >= stuck; });
  EXPECT_EQ(now_, stuck);
  const auto asked = [&] {
    std::set<SliceId> slices;
    for (const PullRequest& pull : std::exchange(unanswered_, {}))
      for (const auto& [_, slice] : asks_of(pull)) slices.insert(slice);
    slices.erase({ChunkIndex{0}, 0});
    return slices;
  };
  const auto before = asked();
  suffer_silence([&] { return now_ >= stuck + 100ms; });
  const auto again = asked();
  // As much of it as a window without answers holds.
  EXPECT_GE(before.size(), first_window_slices - 1);
  EXPECT_GE(again.size(), first_window_slices - 1);
  EXPECT_TRUE(std::ranges::includes(again, before));
}

TEST_F(PullerEngineTest, AsksForAllAgainFromANewSocketAndCallsNothingLost) {
  greet();
  const auto before = pulls_sent();
  ASSERT_FALSE(before.empty());
  ASSERT_GT(path_.in_flight(), 0U);
  engine_->handle_new_socket();
  EXPECT_EQ(path_.in_flight(), 0U);
  const auto again = pulls_sent();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(asks_of(again[0])[0].second, asks_of(before[0])[0].second);
  EXPECT_EQ(events<event::SlicesLost>(), 0U);
}

TEST_F(PullerEngineTest, GoesOnWhereOneSliceNeverComes) {
  greet();
  // Slice 0 never comes, everything else does, whatever it takes.
  const SliceId missing{ChunkIndex{0}, 0};
  std::uint32_t asked_for_missing = 0;
  for (int i = 0; i < 400 && sink_.ends() == 0; ++i) {
    for (const PullRequest& pull : pulls_sent())
      for (const auto& [ask, slice] : asks_of(pull)) {
        if (slice == missing)
          ++asked_for_missing;
        else
          receive_bytes(data_for(ask, slice));
      }
    now_ += 25ms;
    engine_->handle_timeout(now_);
  }
  EXPECT_GE(asked_for_missing, 5U);
  for (std::uint32_t chunk = 1; chunk < manifest().chunk_count(); ++chunk)
    EXPECT_TRUE(sink_.is_there(ChunkIndex{chunk}));
}

TEST_F(PullerEngineTest, FallsBackToShortSlicesInABlackHole) {
  greet();
  EXPECT_EQ(slice_bytes(), 1371);
  suffer_silence([&] { return !unanswered_.empty() && unanswered_.back().slice_bytes < 1371; });
  ASSERT_EQ(sink_.ends(), 0);
  EXPECT_GE(events<event::ProbeTimeout>(), 2U);
  ASSERT_EQ(events<event::MtuChanged>(), 2U);
  EXPECT_EQ(sink_.observer().all<event::MtuChanged>()[1].bytes, fallback_mtu);
  const std::uint16_t shorter = unanswered_.back().slice_bytes;
  EXPECT_LE(shorter + 40 + 8 + header_bytes, fallback_mtu);
  std::erase_if(unanswered_, [&](const PullRequest& pull) { return pull.slice_bytes > shorter; });
  // Everything is cut anew, from the beginning, and what was asked for before is not waited for.
  EXPECT_EQ(asks_of(unanswered_.front())[0].second, (SliceId{ChunkIndex{0}, 0}));
  std::uint32_t asked = 0;
  for (const PullRequest& pull : unanswered_) asked += pull.slices();
  EXPECT_EQ(path_.in_flight(), asked * path_.ip_bytes(shorter));
  // Slices of the old length that come now fit nowhere.
  receive_bytes(data_for(0, {ChunkIndex{0}, 0}, 1371));
  for (const auto& received : sink_.observer().all<event::SliceReceived>()) EXPECT_TRUE(received.duplicate);
  for (const PullRequest& pull : unanswered_) serve(pull);
  fetch_all();
}

TEST_F(PullerEngineTest, FallsBackToShortSlicesWhereLongOnesGetThroughNoMore) {
  greet();
  const auto pulls = pulls_sent();
  now_ += round_trip;
  for (const PullRequest& pull : pulls) serve(pull);
  ASSERT_TRUE(sink_.is_there(ChunkIndex{0}));
  suffer_silence([&] { return !unanswered_.empty() && unanswered_.back().slice_bytes < 1371; });
  ASSERT_EQ(sink_.ends(), 0);
  const std::uint16_t shorter = unanswered_.back().slice_bytes;
  std::erase_if(unanswered_, [&](const PullRequest& pull) { return pull.slice_bytes > shorter; });
  // What is verified is not asked for again.
  for (const PullRequest& pull : unanswered_)
    for (const Run& run : pull.asked()) EXPECT_NE(run.chunk, ChunkIndex{0});
  for (const PullRequest& pull : unanswered_) serve(pull);
  fetch_all();
}

TEST_F(PullerEngineTest, TakesTheExposersServiceDelayOutOfTheRoundTrip) {
  greet();
  const auto pulls = pulls_sent();
  ASSERT_FALSE(pulls.empty());
  now_ += 50ms;
  const Data data{.pull_id = pull_id, .service_delay = encode_service_delay(30ms)};
  receive_bytes(test::data_datagram(data, test::slice_of(*store_, ChunkIndex{0}, 0, slice_bytes())));
  settle();
  ASSERT_EQ(events<event::RttMeasured>(), 1U);
  EXPECT_EQ(sink_.observer().all<event::RttMeasured>()[0].rtt, 20ms);
  EXPECT_EQ(path_.controller().min_rtt(), 20ms);
}

TEST_F(PullerEngineTest, IsLimitedWhereThereIsNothingMoreToAskFor) {
  greet();
  pulls_sent();
  EXPECT_FALSE(path_.on_ask(now_, 0, slice_bytes()).asked.limited);  // by the window alone
  fetch_all();
  EXPECT_TRUE(pulls_sent().empty());
  EXPECT_TRUE(path_.on_ask(now_, 0, slice_bytes()).asked.limited);
}

TEST_F(PullerEngineTest, CutsShorterSlicesWhereTheExposerSaysSo) {
  greet();
  pulls_sent();
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::slice_too_large, .value = 700});
  const auto pulls = pulls_sent();
  ASSERT_FALSE(pulls.empty());
  EXPECT_LE(pulls[0].slice_bytes, 700);
  EXPECT_EQ(asks_of(pulls[0])[0].second, (SliceId{ChunkIndex{0}, 0}));
  // It never says more than before.
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::slice_too_large, .value = 1400});
  EXPECT_LE(path_.slice_capacity(), 700);
  for (const PullRequest& pull : pulls) serve(pull);
  fetch_all();
}

TEST_F(PullerEngineTest, RefusalsOfLongSlicesThatComeLateEndNothing) {
  greet();
  pulls_sent();
  for (const std::uint32_t value : {700U, 700U, 1400U}) {
    receive(Refuse{.pull_id = pull_id, .reason = Refusal::slice_too_large, .value = value});
    pulls_sent();
  }
  now_ += 500ms;
  engine_->handle_timeout(now_);
  EXPECT_EQ(sink_.ends(), 0);
}

TEST_F(PullerEngineTest, ASliceLengthOfNothingIsTheLeastThatThereIs) {
  greet();
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::slice_too_large, .value = 0});
  EXPECT_EQ(path_.slice_capacity(), min_slice_bytes);
  fetch_all();
}

TEST_F(PullerEngineTest, EndsAfterARefusalAndSilence) {
  greet();
  pulls_sent();
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::withdrawn});
  EXPECT_EQ(sink_.ends(), 0);
  const TimePoint refused = now_;
  suffer_silence([] { return false; });
  EXPECT_EQ(sink_.error(), Errc::withdrawn);
  EXPECT_EQ(now_, refused + 50ms);
}

TEST_F(PullerEngineTest, GoesOnAfterARefusalThatSomebodyForged) {
  greet();
  for (int round = 0; round < 1000 && !sink_.is_complete(); ++round) {
    receive(Refuse{.pull_id = pull_id, .reason = Refusal::withdrawn});
    const auto pulls = pulls_sent();
    now_ += round_trip;
    for (const PullRequest& pull : pulls) serve(pull);
    engine_->handle_timeout(now_);
    ASSERT_EQ(sink_.ends(), 0);
  }
  EXPECT_TRUE(sink_.is_complete());
}

TEST_F(PullerEngineTest, IgnoresRefusalsOfOtherPullsAndDamagedOnes) {
  greet();
  pulls_sent();
  receive(Refuse{.pull_id = pull_id + 1, .reason = Refusal::withdrawn});
  auto damaged = test::datagram_of(Refuse{.pull_id = pull_id, .reason = Refusal::withdrawn});
  damaged[20] = std::byte{3};
  receive_bytes(damaged);
  now_ += 1s;
  engine_->handle_timeout(now_);
  EXPECT_EQ(sink_.ends(), 0);
}

TEST_F(PullerEngineTest, EndsWhereNobodyListensAnyMore) {
  greet();
  pulls_sent();
  const TimePoint heard = now_;
  for (int i = 0; i < 1000 && sink_.ends() == 0; ++i) {
    if (!sent().empty()) engine_->handle_unreachable(now_);
    if (sink_.ends() == 0) wait();
  }
  EXPECT_EQ(sink_.error(), Errc::exposer_gone);
  EXPECT_GE(now_ - heard, 1s);
  EXPECT_LE(now_ - heard, 2500ms + 4 * round_trip);
}

TEST_F(PullerEngineTest, AsksOftenWhereTheExposerSeemsToBeGone) {
  greet();
  pulls_sent();
  engine_->handle_unreachable(now_);
  TimePoint last = now_;
  for (int i = 0; i < 1000 && sink_.ends() == 0; ++i) {
    wait();
    if (sent().empty()) continue;
    EXPECT_LE(now_ - last, 250ms + 1us);
    last = now_;
  }
  EXPECT_EQ(sink_.error(), Errc::exposer_gone);
}

TEST_F(PullerEngineTest, LeavesThePathAsItFoundIt) {
  greet();
  pulls_sent();
  EXPECT_GT(path_.in_flight(), 0U);
  engine_.reset();
  EXPECT_EQ(path_.in_flight(), 0U);
}

TEST_F(PullerEngineTest, DoesNothingOnceItHasEnded) {
  greet();
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::denied});
  suffer_silence([] { return false; });
  ASSERT_EQ(sink_.error(), Errc::denied);
  for (int i = 0; i < 3; ++i) {
    now_ += 20s;
    engine_->handle_timeout(now_);
    engine_->handle_unreachable(now_);
    receive_bytes(data_for(0, {ChunkIndex{0}, 0}));
  }
  EXPECT_EQ(sink_.ends(), 1);
  EXPECT_TRUE(sent().empty());
}

}  // namespace
}  // namespace rgtp::packet
