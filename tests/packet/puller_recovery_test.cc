// A puller's engine that tells losses, lost requests, a busy exposer and marks apart.
#include "packet/puller_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class PullerRecovery : public PullerFixture {
 protected:
  PullerRecovery() : PullerFixture(8'000'000) {}

  static bool always(const PullRequest& /*pull*/) { return true; }
  // Drops the first request of that many slices or more, fewer than `end`.
  bool drop_a_train_of(std::uint32_t slices, std::uint32_t end) {
    bool dropped = false;
    run(10s, [&](const PullRequest& pull) {
      if (dropped || pull.slices() < slices || pull.slices() >= end) return true;
      dropped = true;
      dropped_ = pull;
      return false;
    });
    return dropped;
  }

  PullRequest dropped_;
};

TEST_F(PullerRecovery, ALongTrainThatIsMissingWholeIsALostRequest) {
  greet();
  ASSERT_TRUE(drop_a_train_of(8, 65));
  EXPECT_TRUE(sink_.is_complete());
  ASSERT_EQ(events<event::RequestLost>(), 1U);
  EXPECT_EQ(sink_.observer().all<event::RequestLost>()[0].slices, dropped_.slices());
  EXPECT_EQ(events<event::SlicesLost>(), 0U);
}

TEST_F(PullerRecovery, AShortTrainThatIsMissingWholeIsLostSlices) {
  greet();
  ASSERT_TRUE(drop_a_train_of(1, 8));
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_EQ(events<event::RequestLost>(), 0U);
  std::uint32_t slices = 0;
  for (const auto& lost : sink_.observer().all<event::SlicesLost>()) slices += lost.slices;
  EXPECT_EQ(slices, dropped_.slices());
}

TEST_F(PullerRecovery, AsksForALostTrainOnceMoreAndForNothingElse) {
  greet();
  ASSERT_TRUE(drop_a_train_of(8, 65));
  std::uint32_t again = 0;
  for (const auto& asked : sink_.observer().all<event::Asked>()) again += asked.again;
  EXPECT_EQ(again, dropped_.slices());
}

TEST_F(PullerRecovery, ABusyExposerIsAskedSlower) {
  greet();
  run(200ms, always);
  const double before = static_cast<double>(path_.rate());
  ASSERT_GT(before, 0);
  receive(Refuse{.pull_id = pull_id, .reason = Refusal::busy, .value = 5});
  EXPECT_NEAR(static_cast<double>(path_.rate()) / before, ServicePressure::decrease, 0.001);
  EXPECT_EQ(events<event::Refused>(), 0U);
  run(10s, always);
  EXPECT_TRUE(sink_.is_complete());
  EXPECT_EQ(sink_.ends(), 0);
}

TEST_F(PullerRecovery, ARefusalThatIsReplayedSlowsNothingDown) {
  greet();
  run(200ms, always);
  const Refuse busy{.pull_id = pull_id, .timestamp = 7, .reason = Refusal::busy, .value = 5};
  receive(busy);
  const double before = static_cast<double>(path_.rate());
  now_ += 2 * round_trip;
  receive(busy);
  EXPECT_EQ(static_cast<double>(path_.rate()), before);
  Refuse next = busy;
  next.timestamp = 8;
  receive(next);
  EXPECT_LT(static_cast<double>(path_.rate()), before);
}

// Requests are not dropped in the order in which they came.
TEST_F(PullerRecovery, ARefusalOfARequestThatIsWaitedForSlowsDownWhateverItsTime) {
  greet();
  run(3 * round_trip, always);
  now_ += round_trip;
  const auto pulls = pulls_sent();
  ASSERT_FALSE(pulls.empty());
  Refuse busy{
      .pull_id = pull_id, .timestamp = pulls[0].timestamp + 1'000'000, .reason = Refusal::busy, .value = 5};
  receive(busy);
  const double before = static_cast<double>(path_.rate());
  now_ += 2 * round_trip;
  busy.timestamp = pulls[0].timestamp;
  receive(busy);
  EXPECT_LT(static_cast<double>(path_.rate()), before);
}

TEST_F(PullerRecovery, TellsMarks) {
  greet();
  const auto pulls = pulls_sent();
  const auto asks = asks_of(pulls.at(0));
  now_ += round_trip;
  engine_->handle_datagram(now_, data_for(asks[0].first, asks[0].second), Mark::congestion);
  engine_->handle_datagram(now_, data_for(asks[1].first, asks[1].second), Mark::none);
  settle();
  ASSERT_EQ(events<event::CongestionMarked>(), 1U);
  EXPECT_EQ(sink_.observer().all<event::CongestionMarked>()[0].slices, 1U);
}

TEST_F(PullerRecovery, TellsDatagramsOfABatchTogether) {
  greet();
  settle();
  sink_.observer().clear();
  const auto pulls = pulls_sent();
  now_ += round_trip;
  serve(pulls.at(0));
  ASSERT_EQ(events<event::DatagramReceived>(), 1U);
  const auto received = sink_.observer().all<event::DatagramReceived>()[0];
  EXPECT_EQ(received.datagrams, pulls[0].slices());
  EXPECT_EQ(received.bytes, pulls[0].slices() * (slice_bytes() + header_bytes));
}

TEST_F(PullerRecovery, ALateAnswerUndoesTheLoss) {
  greet();
  const auto pulls = pulls_sent();
  now_ += round_trip;
  for (const PullRequest& pull : pulls)
    for (const auto& [ask, slice] : asks_of(pull))
      if (ask > 1) receive_bytes(data_for(ask, slice));
  settle();
  ASSERT_EQ(events<event::SlicesLost>(), 1U);
  const auto in_flight = path_.in_flight();
  for (const auto& [ask, slice] : asks_of(pulls[0])) receive_bytes(data_for(ask, slice));
  settle();
  EXPECT_EQ(events<event::LossWasSpurious>(), 2U);
  EXPECT_EQ(path_.in_flight(), in_flight);
  run(10s, always);
  EXPECT_TRUE(sink_.is_complete());
  for (const auto& asked : sink_.observer().all<event::Asked>()) EXPECT_EQ(asked.again, 0U);
}

}  // namespace
}  // namespace rgtp::packet
