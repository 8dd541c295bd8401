#include "packet/recovery.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"
#include "support/observers.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t slice_bytes = 1426;

class RecoveryTest : public testing::Test {
 protected:
  using Slices = std::vector<SliceId>;
  static constexpr Duration round_trip = 20ms;

  RecoveryTest() { begin(); }

  void begin(std::uint32_t mtu = 1500) {
    recovery_.reset();
    path_.emplace(Path::Options{.ip = IpVersion::v4, .mtu = mtu, .receive_buffer = 1 << 24, .max_mtu = 1500});
    recovery_.emplace(*path_, observer_);
  }
  // What is asked for under a number, here.
  static SliceId slice(std::uint64_t ask) { return {ChunkIndex{3}, static_cast<std::uint16_t>(ask)}; }
  static Slices slices(std::uint64_t first, std::uint64_t count) {
    Slices slices;
    for (std::uint64_t ask = first; ask < first + count; ++ask) slices.push_back(slice(ask));
    return slices;
  }
  std::uint64_t ask(std::uint32_t count, AskedTrain::Purpose purpose = AskedTrain::Purpose::data) {
    const std::uint64_t first = recovery_->next_ask();
    recovery_->on_asked(now_, slices(first, count), slice_bytes, purpose);
    return first;
  }
  bool arrive(std::uint64_t ask, Duration service_delay = 0ns, Mark mark = Mark::none) {
    const Data data{.ask = static_cast<std::uint32_t>(ask),
                    .chunk = slice(ask).chunk,
                    .slice = slice(ask).slice,
                    .service_delay = encode_service_delay(service_delay)};
    return recovery_->on_data(now_, data, path_->ip_bytes(slice_bytes), mark);
  }
  Slices settle() {
    const auto lost = recovery_->settle(now_);
    return {lost.begin(), lost.end()};
  }
  // A train that tells the path what its round trip is.
  void measure(Duration rtt, Duration service_delay = 0ns) {
    const std::uint64_t first = ask(1);
    now_ += rtt + service_delay;
    EXPECT_TRUE(arrive(first, service_delay));
    settle();
    observer_.clear();
  }
  // Nothing of a train of `length` comes, and then three slices of one of four.
  Slices lose_train(std::uint32_t length) {
    ask(length);
    const std::uint64_t next = ask(4);
    now_ += round_trip;
    for (std::uint64_t number = next; number < next + 3; ++number) arrive(number);
    return settle();
  }
  template <class Kind>
  std::uint32_t slices_told() const {
    std::uint32_t slices = 0;
    for (const Kind& told : observer_.all<Kind>()) slices += told.slices;
    return slices;
  }

  TimePoint now_ = test::start_time;
  test::RecordingObserver observer_;
  std::optional<Path> path_;
  std::optional<Recovery> recovery_;
};

TEST_F(RecoveryTest, TellsThePathOnceForATrain) {
  ask(8);
  EXPECT_EQ(recovery_->outstanding(), 8U);
  now_ += round_trip;
  for (std::uint64_t number = 0; number < 8; ++number) EXPECT_TRUE(arrive(number));
  EXPECT_EQ(observer_.count<event::RttMeasured>(), 0U);
  EXPECT_TRUE(settle().empty());
  ASSERT_EQ(observer_.count<event::RttMeasured>(), 1U);
  EXPECT_EQ(observer_.all<event::RttMeasured>()[0].rtt, round_trip);
  EXPECT_EQ(observer_.count<event::RateChanged>(), 1U);
  EXPECT_EQ(recovery_->outstanding(), 0U);
  EXPECT_EQ(path_->in_flight(), 0U);
}

TEST_F(RecoveryTest, MeasuresTheRoundTripByTheFirstSliceOfATrainWithoutTheServiceDelay) {
  ask(4);
  now_ += round_trip;
  arrive(0, 5ms);
  now_ += 3ms;
  arrive(1, 5ms);
  settle();
  ASSERT_EQ(observer_.count<event::RttMeasured>(), 1U);
  EXPECT_EQ(observer_.all<event::RttMeasured>()[0].rtt, round_trip - 5ms);
  EXPECT_EQ(observer_.all<event::RttMeasured>()[0].service_delay, 5ms);
  arrive(2, 5ms);
  settle();
  EXPECT_EQ(observer_.count<event::RttMeasured>(), 1U);
}

TEST_F(RecoveryTest, KnowsWhatItAskedFor) {
  ask(4);
  const std::uint32_t ip_bytes = path_->ip_bytes(slice_bytes);
  const auto take = [&](std::uint32_t ask, SliceId what, std::uint32_t bytes) {
    return recovery_->on_data(now_, {.ask = ask, .chunk = what.chunk, .slice = what.slice}, bytes,
                              Mark::none);
  };
  EXPECT_FALSE(take(4, slice(4), ip_bytes));
  EXPECT_FALSE(take(0, slice(1), ip_bytes));
  EXPECT_FALSE(take(0, {ChunkIndex{4}, 0}, ip_bytes));
  EXPECT_FALSE(take(0, slice(0), ip_bytes - 1));
  EXPECT_EQ(recovery_->outstanding(), 4U);
  EXPECT_TRUE(take(0, slice(0), ip_bytes));
  EXPECT_EQ(recovery_->outstanding(), 3U);
}

TEST_F(RecoveryTest, CountsAnAnswerOnce) {
  ask(4);
  now_ += round_trip;
  for (int times = 0; times < 3; ++times) EXPECT_TRUE(arrive(1));
  settle();
  EXPECT_EQ(recovery_->outstanding(), 3U);
  EXPECT_EQ(path_->in_flight(), 3 * path_->ip_bytes(slice_bytes));
}

TEST_F(RecoveryTest, SkipsNumbers) {
  recovery_->skip_asks(16);
  EXPECT_EQ(ask(2), 16U);
  EXPECT_TRUE(arrive(16));
  EXPECT_FALSE(arrive(15));
}

TEST_F(RecoveryTest, CountsMarks) {
  ask(4);
  now_ += round_trip;
  arrive(0, 0ns, Mark::congestion);
  arrive(1);
  arrive(2, 0ns, Mark::congestion);
  settle();
  EXPECT_EQ(slices_told<event::CongestionMarked>(), 2U);
}

TEST_F(RecoveryTest, FindsWhatIsLost) {
  ask(6);
  now_ += round_trip;
  for (const std::uint64_t number : {0, 2, 4, 5}) arrive(number);
  EXPECT_EQ(settle(), Slices{slice(1)});
  EXPECT_EQ(slices_told<event::SlicesLost>(), 1U);
  EXPECT_EQ(path_->in_flight(), path_->ip_bytes(slice_bytes));
  now_ = *recovery_->deadline();
  EXPECT_EQ(settle(), Slices{slice(3)});
  EXPECT_EQ(path_->in_flight(), 0U);
  EXPECT_FALSE(recovery_->deadline());
}

// On a path of 40 slices in 20 ms a train of as many takes as long again as its first slice.
TEST_F(RecoveryTest, WaitsForTheWholeOfALongTrain) {
  measure(round_trip);
  const TimePoint asked = now_;
  const std::uint64_t first = ask(40);
  const std::uint64_t next = ask(1);
  now_ += round_trip;
  for (std::uint64_t number = first; number < first + 38; ++number) arrive(number);
  arrive(next);
  settle();
  now_ = asked + round_trip * 9 / 8 + 10ms;
  EXPECT_TRUE(settle().empty());
  now_ = asked + round_trip * 9 / 8 + 22ms;
  EXPECT_EQ(settle(), slices(first + 38, 2));
}

TEST_F(RecoveryTest, ALongTrainThatIsMissingWholeWasALostRequest) {
  EXPECT_EQ(lose_train(8), slices(0, 8));
  EXPECT_EQ(slices_told<event::RequestLost>(), 8U);
  EXPECT_EQ(slices_told<event::SlicesLost>(), 0U);
}

TEST_F(RecoveryTest, ShortTrainsCountAsTheyAre) {
  EXPECT_EQ(lose_train(7), slices(0, 7));
  EXPECT_EQ(slices_told<event::SlicesLost>(), 7U);
  EXPECT_EQ(slices_told<event::RequestLost>(), 0U);
}

TEST_F(RecoveryTest, ALongTrainOfWhichSomethingCameWasAskedFor) {
  ask(16);
  const std::uint64_t next = ask(4);
  now_ += round_trip;
  arrive(5);
  for (std::uint64_t number = next; number < next + 3; ++number) arrive(number);
  EXPECT_EQ(settle().size(), 15U);
  EXPECT_EQ(slices_told<event::SlicesLost>(), 15U);
  EXPECT_EQ(slices_told<event::RequestLost>(), 0U);
}

TEST_F(RecoveryTest, WhereAQueueIsSeenNoRequestWasLost) {
  measure(20ms);
  measure(40ms);
  ask(8);
  const std::uint64_t next = ask(4);
  now_ += 40ms;
  for (std::uint64_t number = next; number < next + 3; ++number) arrive(number);
  EXPECT_EQ(settle().size(), 8U);
  EXPECT_EQ(slices_told<event::SlicesLost>(), 8U);
  EXPECT_EQ(slices_told<event::RequestLost>(), 0U);
}

// Of whatever length: it is not the path that is short of anything.
TEST_F(RecoveryTest, WhereTheExposerIsBehindItDroppedWhatIsMissingWhole) {
  measure(20ms, 1500us);
  const std::uint64_t rate = path_->rate();
  ask(4);
  const std::uint64_t next = ask(4);
  now_ += round_trip + 1500us;
  for (std::uint64_t number = next; number < next + 3; ++number) arrive(number, 1500us);
  EXPECT_EQ(settle().size(), 4U);
  EXPECT_EQ(slices_told<event::SlicesLost>(), 0U);
  EXPECT_EQ(slices_told<event::RequestLost>(), 4U);
  EXPECT_LT(path_->rate(), rate);
}

TEST_F(RecoveryTest, WhatTheExposerSaysItDroppedIsLostAtOnceAndToldToNobodyElse) {
  measure(20ms);
  ask(4);
  now_ += 1ms;
  const TimePoint asked_at = now_;
  const std::uint64_t dropped = ask(9);
  now_ += 1ms;
  ask(4);
  const std::uint64_t in_flight = path_->in_flight();
  recovery_->on_busy(now_, encode_timestamp(asked_at));
  EXPECT_EQ(settle().size(), 9U);
  EXPECT_TRUE(settle().empty());
  EXPECT_LT(path_->in_flight(), in_flight);
  EXPECT_EQ(slices_told<event::RequestLost>(), 9U);
  EXPECT_EQ(slices_told<event::SlicesLost>(), 0U);
  EXPECT_FALSE(path_->exposer_keeps_up());
  // Another one for the same request, or for one that nobody knows, slows down and changes nothing else.
  recovery_->on_busy(now_, encode_timestamp(asked_at));
  recovery_->on_busy(now_, encode_timestamp(asked_at) + 500);
  EXPECT_TRUE(settle().empty());
  // It was served after all: nothing was told that could be taken back.
  arrive(dropped);
  EXPECT_EQ(observer_.all<event::LossWasSpurious>().size(), 1U);
}

TEST_F(RecoveryTest, WhatWasDroppedIsNotGivenBackOnceAllIsAskedForFromScratch) {
  measure(20ms);
  const TimePoint asked_at = now_;
  ask(4);
  recovery_->on_busy(now_, encode_timestamp(asked_at));
  recovery_->give_up();
  EXPECT_TRUE(settle().empty());
}

// Else three dropped ones would end the search for a while, and one would end it for good.
TEST_F(RecoveryTest, AProbeThatTheExposerDroppedSaysNothingOfThePath) {
  begin(1200);
  measure(20ms);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(path_->mtu_probe(now_)) << i;
    path_->on_mtu_probe();
    const TimePoint asked_at = now_;
    ask(1, AskedTrain::Purpose::mtu_probe);
    EXPECT_FALSE(path_->mtu_probe(now_));
    recovery_->on_busy(now_, encode_timestamp(asked_at));
    EXPECT_EQ(settle().size(), 1U);
    now_ += 1ms;
  }
  EXPECT_EQ(path_->mtu_probe(now_), slice_capacity_of(1500, IpVersion::v4));
}

TEST_F(RecoveryTest, WhereTheExposerIsBehindWhatIsMissingInPartWasLost) {
  measure(20ms, 1500us);
  const std::uint64_t first = ask(4);
  const std::uint64_t next = ask(4);
  now_ += round_trip + 1500us;
  arrive(first, 1500us);
  for (std::uint64_t number = next; number < next + 3; ++number) arrive(number, 1500us);
  EXPECT_EQ(settle().size(), 3U);
  EXPECT_EQ(slices_told<event::SlicesLost>(), 3U);
  EXPECT_EQ(slices_told<event::RequestLost>(), 0U);
}

TEST_F(RecoveryTest, AsksAgainAtOnceForWhatMayYetTurnOutALostRequest) {
  ask(8);
  const std::uint64_t next = ask(4);
  now_ += round_trip;
  arrive(next);
  EXPECT_EQ(settle(), slices(0, 6));
  EXPECT_EQ(slices_told<event::RequestLost>() + slices_told<event::SlicesLost>(), 0U);
  EXPECT_EQ(path_->in_flight(), 5 * path_->ip_bytes(slice_bytes));
  arrive(next + 2);
  EXPECT_EQ(settle(), slices(6, 2));
  EXPECT_EQ(slices_told<event::RequestLost>(), 8U);
}

TEST_F(RecoveryTest, WhatComesOfATrainLastShowsThatItsRequestWasNotLost) {
  ask(8);
  const std::uint64_t next = ask(4);
  now_ += round_trip;
  arrive(next);
  EXPECT_EQ(settle(), slices(0, 6));
  arrive(6);
  EXPECT_EQ(slices_told<event::SlicesLost>(), 6U);
  arrive(next + 2);
  EXPECT_EQ(settle(), slices(7, 1));
  EXPECT_EQ(slices_told<event::SlicesLost>(), 7U);
  EXPECT_EQ(slices_told<event::RequestLost>(), 0U);
}

TEST_F(RecoveryTest, ALateAnswerUndoesTheLoss) {
  ask(6);
  now_ += round_trip;
  for (std::uint64_t number = 1; number < 6; ++number) arrive(number);
  EXPECT_EQ(settle(), slices(0, 1));
  EXPECT_EQ(path_->in_flight(), 0U);
  EXPECT_TRUE(arrive(0));
  settle();
  ASSERT_EQ(observer_.count<event::LossWasSpurious>(), 1U);
  EXPECT_EQ(observer_.all<event::LossWasSpurious>()[0].ask, 0U);
  EXPECT_EQ(path_->in_flight(), 0U);
  // Once.
  EXPECT_TRUE(arrive(0));
  EXPECT_EQ(observer_.count<event::LossWasSpurious>(), 1U);
}

TEST_F(RecoveryTest, OfALateAnswerToWhatWasNotToldYetTheRestIsTold) {
  ask(8);
  const std::uint64_t next = ask(4);
  now_ += round_trip;
  arrive(next);
  EXPECT_EQ(settle(), slices(0, 6));
  arrive(2);
  settle();
  EXPECT_EQ(slices_told<event::SlicesLost>(), 5U);
}

TEST_F(RecoveryTest, WhatIsGivenUpCountsNeitherAsLostNorAsArrived) {
  ask(16);
  recovery_->give_up();
  EXPECT_EQ(recovery_->outstanding(), 0U);
  EXPECT_EQ(path_->in_flight(), 0U);
  EXPECT_FALSE(recovery_->deadline());
  const std::uint64_t next = ask(4);
  now_ += round_trip;
  for (std::uint64_t number = next; number < next + 4; ++number) arrive(number);
  EXPECT_TRUE(settle().empty());
  // Nor does a late answer show that a loss was none, or that the path reorders.
  EXPECT_TRUE(arrive(0));
  EXPECT_TRUE(arrive(1));
  settle();
  EXPECT_EQ(observer_.count<event::LossWasSpurious>(), 0U);
  EXPECT_EQ(path_->in_flight(), 0U);
  const std::uint64_t last = ask(5);
  now_ += round_trip;
  arrive(last + 3);
  EXPECT_EQ(settle(), slices(last, 1));
}

TEST_F(RecoveryTest, GivesUpInTheEnd) {
  ask(8);
  recovery_.reset();
  EXPECT_EQ(path_->in_flight(), 0U);
}

TEST_F(RecoveryTest, AProbeOfTheMtuThatArrivesRaisesIt) {
  begin(1200);
  ASSERT_TRUE(path_->mtu_probe(now_));
  path_->on_mtu_probe();
  const std::uint64_t probe = ask(1, AskedTrain::Purpose::mtu_probe);
  now_ += round_trip;
  arrive(probe);
  // To what arrived, which is less than was due.
  const std::uint32_t arrived = path_->ip_bytes(slice_bytes);
  EXPECT_EQ(path_->mtu(), arrived);
  ASSERT_EQ(observer_.count<event::MtuChanged>(), 1U);
  EXPECT_EQ(observer_.all<event::MtuChanged>()[0].bytes, arrived);
}

TEST_F(RecoveryTest, AProbeOfTheMtuThatIsLostSaysNothingOfTheRate) {
  begin(1200);
  path_->on_mtu_probe();
  const std::uint64_t probe = ask(1, AskedTrain::Purpose::mtu_probe);
  const std::uint64_t next = ask(4);
  now_ += round_trip;
  for (std::uint64_t number = next; number < next + 3; ++number) arrive(number);
  EXPECT_EQ(settle(), slices(probe, 1));
  EXPECT_EQ(slices_told<event::SlicesLost>(), 0U);
  EXPECT_EQ(path_->mtu(), 1200U);
  EXPECT_TRUE(path_->mtu_probe(now_));
  // Nor does it raise anything when it comes too late: its chunk is cut like others by then.
  arrive(probe);
  EXPECT_EQ(path_->mtu(), 1200U);
}

TEST_F(RecoveryTest, AProbeOfTheMtuThatIsGivenUpIsSentAgain) {
  begin(1200);
  path_->on_mtu_probe();
  ask(1, AskedTrain::Purpose::mtu_probe);
  EXPECT_FALSE(path_->mtu_probe(now_));
  recovery_->give_up();
  EXPECT_TRUE(path_->mtu_probe(now_));
}

TEST_F(RecoveryTest, ProbesWhereNothingComes) {
  ask(4);
  const TimePoint due = *recovery_->deadline();
  EXPECT_EQ(due, now_ + path_->answer_time());
  now_ = due;
  EXPECT_TRUE(recovery_->probe_is_due(now_));
  recovery_->on_probe(now_);
  EXPECT_EQ(recovery_->probes_in_a_row(), 1U);
  std::vector<SliceId> seen;
  recovery_->for_each_outstanding_from_latest([&](const SliceId& outstanding) {
    seen.push_back(outstanding);
    return seen.size() < 2;
  });
  EXPECT_EQ(seen, (Slices{slice(3), slice(2)}));
}

}  // namespace
}  // namespace rgtp::packet
