// A puller's engine that searches for the longest slices that its path carries, and loses them again.
#include <map>
#include <set>

#include "packet/puller_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

// Chunks of 4,112 bytes with their trailers: four slices of 1,028 bytes at 1,200, three of 1,371 at 1,500.
class PullerMtu : public PullerFixture {
 protected:
  static constexpr std::uint16_t shorter = 1028;
  static constexpr std::uint16_t longer = 1371;
  static constexpr std::uint32_t longer_mtu = longer + 60;  // as far as such slices show it

  PullerMtu() : PullerFixture(800'000, 1200, 1500) {}

  // Everything arrives that fits.
  void run_over(std::uint32_t mtu, Duration length) {
    run(length, [&](const PullRequest& pull) {
      for (const Run& run : pull.asked()) asked_[run.chunk].insert(pull.slice_bytes);
      if (pull.slice_bytes == longer && pull.slices() == 1) ++single_long_;
      return path_.ip_bytes(pull.slice_bytes) <= mtu;
    });
  }
  std::vector<std::uint32_t> mtus_told() {
    std::vector<std::uint32_t> mtus;
    for (const auto& changed : sink_.observer().all<event::MtuChanged>()) mtus.push_back(changed.bytes);
    return mtus;
  }
  std::uint32_t slices_lost() {
    std::uint32_t slices = 0;
    for (const auto& lost : sink_.observer().all<event::SlicesLost>()) slices += lost.slices;
    for (const auto& lost : sink_.observer().all<event::RequestLost>()) slices += lost.slices;
    return slices;
  }

  std::map<ChunkIndex, std::set<std::uint16_t>> asked_;  // with slices of which lengths
  int single_long_ = 0;                                  // requests
};

TEST_F(PullerMtu, ProbesWithOneSliceOfAChunkThatIsNotBegun) {
  greet();
  const auto pulls = pulls_sent();
  ASSERT_GE(pulls.size(), 3U);
  EXPECT_EQ(pulls[0].asked()[0], (Run{ChunkIndex{0}, 0, 2}));
  EXPECT_EQ(pulls[1].slice_bytes, longer);
  ASSERT_EQ(pulls[1].slices(), 1U);
  EXPECT_EQ(pulls[1].asked()[0], (Run{ChunkIndex{1}, 0, 1}));
  for (const PullRequest& pull : pulls) {
    if (&pull == &pulls[1]) continue;
    EXPECT_EQ(pull.slice_bytes, shorter);
    for (const Run& run : pull.asked()) EXPECT_NE(run.chunk, ChunkIndex{1});
  }
}

// Where the path carries no longer slice a probe is lost. Were it all that is asked for, it would be silence,
// for which a new socket is taken, from which a probe would go out first: for ever.
TEST_F(PullerMtu, BehindANewSocketDataIsAskedForBeforeAnythingIsProbed) {
  greet();
  (void)pulls_sent();
  for (int socket = 0; socket < 3; ++socket) {
    engine_->handle_new_socket();
    now_ += 1s;
    const auto again = pulls_sent();
    ASSERT_FALSE(again.empty());
    EXPECT_EQ(again[0].slice_bytes, shorter);
  }
}

TEST_F(PullerMtu, AProbeThatArrivesRaisesTheSlicesOfChunksThatAreNotBegun) {
  greet();
  const auto pulls = pulls_sent();
  std::set<ChunkIndex> begun;
  for (const PullRequest& pull : pulls)
    for (const Run& run : pull.asked()) begun.insert(run.chunk);
  begun.insert(ChunkIndex{begun.rbegin()->value + 1});  // whose slices come next
  now_ += round_trip;
  for (const PullRequest& pull : pulls) serve(pull);
  EXPECT_EQ(path_.mtu(), longer_mtu);
  EXPECT_EQ(mtus_told(), (std::vector<std::uint32_t>{1200, longer_mtu}));
  run_over(1500, 10s);
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_TRUE(std::ranges::equal(sink_.bytes(), surface_));
  EXPECT_EQ(slices_lost(), 0U);
  for (const auto& [chunk, lengths] : asked_) {
    const bool keeps = begun.contains(chunk) && chunk != ChunkIndex{1};
    EXPECT_EQ(lengths, std::set{keeps ? shorter : longer}) << chunk.value;
  }
  for (const auto& asked : sink_.observer().all<event::Asked>()) EXPECT_EQ(asked.again, 0U);
}

TEST_F(PullerMtu, AProbeThatIsLostCostsNothingButItself) {
  greet();
  run_over(1200, 10s);
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_TRUE(std::ranges::equal(sink_.bytes(), surface_));
  EXPECT_GE(single_long_, 3);
  EXPECT_EQ(slices_lost(), 0U);
  EXPECT_EQ(events<event::ProbeTimeout>(), 0U);
  EXPECT_EQ(mtus_told(), std::vector<std::uint32_t>{1200});
  EXPECT_EQ(path_.mtu(), 1200U);
}

TEST_F(PullerMtu, ThreeLostProbesGoToTheNextLowerSize) {
  greet();
  while (single_long_ < 3) run_over(1200, 1ms);
  EXPECT_FALSE(path_.mtu_probe(now_));  // it is out
  while (single_long_ < 4) run_over(1200, 1ms);
  path_.on_mtu_probe_abandoned();
  EXPECT_EQ(path_.mtu_probe(now_), slice_capacity_of(1492, IpVersion::v4));
}

TEST_F(PullerMtu, AChunkWhoseProbeIsLostIsCutLikeOthers) {
  greet();
  run_over(1200, 10s);
  ASSERT_TRUE(sink_.is_complete());
  EXPECT_EQ(asked_[ChunkIndex{1}], (std::set{shorter, longer}));
}

TEST_F(PullerMtu, InABlackHoleOnlyChunksBegunAtTheDeadSizeBeginAgain) {
  greet();
  run_over(1500, 100ms);
  ASSERT_EQ(path_.mtu(), longer_mtu);
  ASSERT_FALSE(sink_.is_complete());
  asked_.clear();
  std::set<std::uint32_t> there;
  for (std::uint32_t chunk = 0; chunk < manifest().chunk_count(); ++chunk)
    if (sink_.is_there(ChunkIndex{chunk})) there.insert(chunk);
  on_the_way_.clear();
  run_over(1200, 60s);
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_TRUE(std::ranges::equal(sink_.bytes(), surface_));
  EXPECT_EQ(mtus_told(), (std::vector<std::uint32_t>{1200, longer_mtu, fallback_mtu}));
  for (const auto& [chunk, lengths] : asked_) {
    EXPECT_FALSE(there.contains(chunk.value));
    EXPECT_TRUE(lengths.contains(shorter));
  }
}

TEST_F(PullerMtu, FourProbeTimeoutsMakeABlackHole) {
  greet();
  run_over(1500, 100ms);
  on_the_way_.clear();
  std::uint32_t in_a_row = 0;
  suffer_silence([&] {
    for (const auto& timeout : sink_.observer().all<event::ProbeTimeout>())
      in_a_row = std::max(in_a_row, timeout.in_a_row);
    return path_.mtu() == fallback_mtu;
  });
  EXPECT_EQ(path_.mtu(), fallback_mtu);
  EXPECT_EQ(in_a_row, 3U);  // the fourth is the one that shows it
}

TEST_F(PullerMtu, SearchesAgainASecondAfterABlackHole) {
  greet();
  run_over(1500, 100ms);
  on_the_way_.clear();
  suffer_silence([&] { return path_.mtu() == fallback_mtu; });
  const TimePoint dead = now_;
  std::erase_if(unanswered_, [](const PullRequest& pull) { return pull.slice_bytes == longer; });
  single_long_ = 0;
  // Little is wanted meanwhile, so that something is left.
  sink_.want({ChunkIndex{0}, ChunkIndex{100}});
  run_over(1200, 900ms);
  EXPECT_EQ(single_long_, 0);
  sink_.want({ChunkIndex{0}, ChunkIndex{manifest().chunk_count()}});
  now_ = dead + 1100ms;
  engine_->handle_timeout(now_);
  run_over(1500, 10s);
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_GE(single_long_, 1);
  EXPECT_EQ(path_.mtu(), longer_mtu);
}

TEST_F(PullerMtu, ARefusalOfTheProbeEndsTheSearch) {
  greet();
  pulls_sent();
  now_ += round_trip;
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::slice_too_large, .value = 1140});
  EXPECT_FALSE(path_.mtu_probe(now_ + 1h));
  const auto pulls = pulls_sent();
  ASSERT_FALSE(pulls.empty());
  EXPECT_EQ(pulls[0].slice_bytes, shorter);
  EXPECT_EQ(asks_of(pulls[0])[0].second, (SliceId{ChunkIndex{0}, 0}));
  for (const PullRequest& pull : pulls) serve(pull);
  run_over(1500, 10s);
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_EQ(single_long_, 0);
  EXPECT_EQ(path_.mtu(), 1200U);
}

TEST_F(PullerMtu, ARefusalOfSlicesThatArrivedUntilThenIsToldAsAChange) {
  greet();
  run_over(1500, 100ms);
  ASSERT_EQ(path_.mtu(), longer_mtu);
  for (int i = 0; i < 2; ++i)
    receive(Refuse{.pull_id = pull_id, .reason = Refusal::slice_too_large, .value = longer * 3 / 4});
  const std::uint32_t left = path_.ip_bytes(longer * 3 / 4);
  EXPECT_EQ(mtus_told(), (std::vector<std::uint32_t>{1200, longer_mtu, left}));
}

TEST_F(PullerMtu, ARefusalThatComesLateChangesNothing) {
  greet();
  pulls_sent();
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::slice_too_large, .value = 1140});
  pulls_sent();
  const auto in_flight = path_.in_flight();
  ASSERT_GT(in_flight, 0U);
  for (const std::uint32_t value : {1140U, 1200U, 8000U})
    receive(Refuse{.pull_id = pull_id, .reason = Refusal::slice_too_large, .value = value});
  EXPECT_EQ(path_.in_flight(), in_flight);
  EXPECT_TRUE(pulls_sent().empty());
  now_ += 1ms;
  engine_->handle_timeout(now_);
  EXPECT_EQ(sink_.ends(), 0);
}

// The probe was the last that was asked for, and nothing comes: what is asked for again then is not one more
// slice that may be too long, but those which would show that the probe is lost.
TEST_F(PullerMtu, DoesNotProbeForLifeWithASliceThatMayBeTooLong) {
  greet();
  const auto first = pulls_sent();
  ASSERT_EQ(first[1].slice_bytes, longer);
  now_ += round_trip;
  for (std::size_t i = 2; i < 4; ++i)
    for (const auto& [ask, slice] : asks_of(first[i])) receive_bytes(data_for(ask, slice, shorter));
  // The first probe is lost by what came after it. Nothing is sent after the second.
  Bytes buffer(PullerEngine::max_transmit_bytes);
  std::optional<PullRequest> second;
  while (const std::size_t size = engine_->poll_transmit(now_, buffer)) {
    second = parse_pull(std::span(buffer).first(size));
    if (second && second->slice_bytes == longer) break;
  }
  ASSERT_TRUE(second && second->slice_bytes == longer);
  now_ += path_.answer_time();
  const auto again = pulls_sent();
  ASSERT_EQ(events<event::ProbeTimeout>(), 1U);
  EXPECT_EQ(again.at(0).slice_bytes, shorter);
  now_ += round_trip;
  serve(again[0]);
  // That shows it: its chunk does not wait any longer.
  run_over(1200, 10s);
  EXPECT_TRUE(sink_.is_complete());
}

TEST_F(PullerMtu, AProbeThatAloneIsOutstandingHoldsNothingUp) {
  greet();
  Bytes buffer(PullerEngine::max_transmit_bytes);
  const auto pull = parse_pull(std::span(buffer).first(engine_->poll_transmit(now_, buffer)));
  ASSERT_TRUE(pull && pull->slice_bytes == shorter);
  const auto probe = parse_pull(std::span(buffer).first(engine_->poll_transmit(now_, buffer)));
  ASSERT_TRUE(probe && probe->slice_bytes == longer);
  now_ += round_trip;
  serve(*pull);
  now_ += path_.answer_time();
  run_over(1200, 500ms);
  EXPECT_GT(sink_.observer().count<event::SliceReceived>(), 50U);
  EXPECT_TRUE(sink_.is_there(ChunkIndex{0}));
  EXPECT_EQ(slices_lost(), 0U);
}

}  // namespace
}  // namespace rgtp::packet
