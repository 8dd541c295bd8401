#include "packet/path.h"

#include <deque>

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t slice_bytes = 1426;

class PathTest : public testing::Test {
 protected:
  PathTest() { make(1 << 30); }

  void make(std::uint64_t receive_buffer, std::uint32_t mtu = 1500, IpVersion ip = IpVersion::v4) {
    path_.emplace(Path::Options{ip, mtu, receive_buffer});
  }

  // Asks as the path allows for `length`, over a bottleneck of `rate` bytes a second and a round trip of
  // `round_trip` that holds everything.
  void feed(std::uint64_t rate, Duration round_trip, Duration length, std::uint16_t slice = slice_bytes) {
    const std::uint32_t bytes = path_->ip_bytes(slice);
    const std::chrono::nanoseconds takes(std::uint64_t{1'000'000'000} * bytes / rate);
    for (const TimePoint end = now_ + length; now_ < end;) {
      while (const std::uint32_t slices = path_->slices_allowed(now_, slice)) {
        longest_train_ = std::max(longest_train_, slices);
        const AskedTrain train = path_->on_ask(now_, slices, slice);
        for (std::uint32_t i = 0; i < slices; ++i) {
          free_at_ = std::max(free_at_, now_ + round_trip) + takes;
          answers_.push_back({free_at_, train, i == 0});
        }
      }
      TimePoint next = answers_.empty() ? TimePoint::max() : answers_.front().at;
      if (path_->window_is_open(slice)) next = std::min(next, path_->next_ask());
      now_ = std::max(now_, next);
      while (!answers_.empty() && answers_.front().at <= now_) {
        const Answer answer = answers_.front();
        answers_.pop_front();
        const Duration rtt = answer.first_of_train ? now_ - answer.train.asked.asked_at : Duration{};
        path_->on_arrival(answer.train, {.now = now_, .slices = 1, .rtt = rtt});
      }
      largest_in_flight_ = std::max(largest_in_flight_, path_->in_flight());
    }
  }

  struct Answer {
    TimePoint at;
    AskedTrain train;
    bool first_of_train = false;
  };

  TimePoint now_ = test::start_time;
  std::optional<Path> path_;
  std::deque<Answer> answers_;  // on their way
  TimePoint free_at_;           // the bottleneck, once it is done with them
  std::uint32_t longest_train_ = 0;
  std::uint64_t largest_in_flight_ = 0;
};

TEST_F(PathTest, CountsAllHeaders) {
  EXPECT_EQ(path_->ip_bytes(1440), 1500U);
  EXPECT_EQ(path_->slice_capacity(), 1440);
  make(1 << 20, 1500, IpVersion::v6);
  EXPECT_EQ(path_->ip_bytes(1420), 1500U);
  EXPECT_EQ(path_->slice_capacity(), 1420);
}

TEST_F(PathTest, LimitsOfTheSliceCapacityOnlyShrinkIt) {
  path_->limit_slice_capacity(1000);
  EXPECT_EQ(path_->slice_capacity(), 1000);
  path_->limit_slice_capacity(2000);
  EXPECT_EQ(path_->slice_capacity(), 1000);
  path_->limit_slice_capacity(0);
  EXPECT_EQ(path_->slice_capacity(), min_slice_bytes);
}

TEST_F(PathTest, BeginsWithAtMostAQuarterOfTheWindow) {
  const std::uint32_t slices = path_->slices_allowed(now_, slice_bytes);
  EXPECT_EQ(slices, 2U);  // of sixteen, since no rate is known
  EXPECT_LE(slices * path_->ip_bytes(slice_bytes), path_->window_bytes() / 4);
}

TEST_F(PathTest, AsksForNothingOnceTheWindowIsFull) {
  std::uint64_t asked = 0;
  while (const std::uint32_t slices = path_->slices_allowed(now_, slice_bytes)) {
    asked += std::uint64_t{slices} * path_->ip_bytes(slice_bytes);
    path_->on_ask(now_, slices, slice_bytes);
    ASSERT_LE(asked, path_->window_bytes());
  }
  EXPECT_EQ(path_->in_flight(), asked);
  EXPECT_EQ(asked, first_window_slices * path_->ip_bytes(slice_bytes));
  EXPECT_FALSE(path_->window_is_open(slice_bytes));
}

// Otherwise each answer would draw one slice, and trains would stay as short as that.
TEST_F(PathTest, WaitsForRoomForAWholeTrain) {
  const std::pair<std::uint64_t, Duration> paths[] = {
      {100'000'000, 200us}, {1'000'000'000, 100us}, {100'000'000, 20ms}};
  for (const auto& [rate, round_trip] : paths) {
    make(1 << 30);
    answers_.clear();
    feed(rate, round_trip, 1s);
    path_->on_abandoned(path_->in_flight());
    const std::uint32_t train = path_->slices_allowed(path_->next_ask(), slice_bytes);
    EXPECT_GT(train, 4U);
    const std::uint64_t window = path_->window_bytes();
    path_->on_expected_again(window - (train - 1) * std::uint64_t{path_->ip_bytes(slice_bytes)});
    EXPECT_FALSE(path_->window_is_open(slice_bytes));
    EXPECT_EQ(path_->slices_allowed(path_->next_ask(), slice_bytes), 0U);
    path_->on_abandoned(2 * std::uint64_t{path_->ip_bytes(slice_bytes)});
    EXPECT_EQ(path_->slices_allowed(path_->next_ask(), slice_bytes), train);
  }
}

// Which would stand idle where most of what is asked for is lost, and little more than a train fits.
TEST_F(PathTest, FillsANarrowWindowByTheSlice) {
  path_.emplace(Path::Options{.receive_buffer = 1 << 30, .congestion = Congestion::cubic});
  const std::uint64_t slice = path_->ip_bytes(slice_bytes);
  feed(1'000'000, 20ms, 1s);
  answers_.clear();
  while (path_->window_bytes() >= 8 * slice) {
    path_->on_abandoned(path_->in_flight());
    now_ = path_->next_ask() + 20ms;
    const AskedTrain train = path_->on_ask(now_, 2, slice_bytes);
    path_->report_loss(now_ + 20ms, train, 2);
  }
  path_->on_abandoned(path_->in_flight());
  path_->on_expected_again(path_->window_bytes() - slice);
  EXPECT_EQ(path_->slices_allowed(path_->next_ask(), slice_bytes), 1U);
}

TEST_F(PathTest, AsksForTheFirstWindowAtOnce) {
  std::uint32_t asked = 0;
  while (const std::uint32_t slices = path_->slices_allowed(now_, slice_bytes)) {
    path_->on_ask(now_, slices, slice_bytes);
    asked += slices;
  }
  EXPECT_EQ(asked, first_window_slices);
}

TEST_F(PathTest, HasAsManySlicesFollowAHelloAsThePathIsSureToHold) {
  make(1 << 30, fallback_mtu);
  EXPECT_EQ(path_->slices_to_follow(), first_window_slices);
  feed(25'000'000, 50ms, 2s, 1140);
  answers_.clear();
  path_->on_abandoned(path_->in_flight());
  EXPECT_EQ(path_->slices_to_follow(), max_train_slices);
  // Not beside what is on its way already.
  const std::uint64_t half_a_train = max_train_slices / 2 * std::uint64_t{fallback_mtu};
  path_->on_expected_again(path_->window_bytes() - half_a_train);
  EXPECT_EQ(path_->slices_to_follow(), max_train_slices / 2);
  path_->on_expected_again(half_a_train);
  EXPECT_EQ(path_->slices_to_follow(), 0U);
}

TEST_F(PathTest, CountsWhatIsInFlight) {
  const AskedTrain train = path_->on_ask(now_, 10, 940);
  EXPECT_EQ(path_->in_flight(), 10'000U);
  path_->on_arrival(train, {.now = now_ + 10ms, .slices = 2, .rtt = 10ms});
  EXPECT_EQ(path_->in_flight(), 8000U);
  path_->on_abandoned(3000);
  // What the controller is told of losses changes nothing.
  path_->report_loss(now_ + 10ms, train, 3);
  EXPECT_EQ(path_->in_flight(), 5000U);
  path_->on_expected_again(1000);
  path_->report_spurious_loss(now_ + 10ms, train);
  path_->on_arrival(train, {.now = now_ + 10ms, .slices = 1});
  EXPECT_EQ(path_->in_flight(), 5000U);
  path_->on_abandoned(6000);
  EXPECT_EQ(path_->in_flight(), 0U);
}

TEST_F(PathTest, LeavesTheServiceDelayOutOfTheMinimumButNotOfTimers) {
  const AskedTrain train = path_->on_ask(now_, 8, slice_bytes);
  path_->on_arrival(train, {.now = now_ + 50ms, .slices = 1, .rtt = 20ms, .service_delay = 30ms});
  EXPECT_EQ(path_->rtt().latest(), 50ms);
  EXPECT_EQ(path_->controller().min_rtt(), 20ms);
}

TEST_F(PathTest, LateSlicesOfATrainAreNoRoundTrips) {
  const AskedTrain train = path_->on_ask(now_, 8, slice_bytes);
  path_->on_arrival(train, {.now = now_ + 50ms, .slices = 1});
  EXPECT_FALSE(path_->rtt().has_sample());
}

// 25 MB/s and 50 ms: a millisecond is 25,000 bytes, 16 slices.
TEST_F(PathTest, ATrainIsAtMostAMillisecondOfTheRate) {
  feed(25'000'000, 50ms, 5s);
  longest_train_ = 0;
  feed(25'000'000, 50ms, 1s);
  const double a_millisecond = 25'000.0 / path_->ip_bytes(slice_bytes);
  EXPECT_GE(longest_train_, a_millisecond * 0.7);
  EXPECT_LE(longest_train_, a_millisecond * 1.5);  // the rate at which it probes for more
}

TEST_F(PathTest, ATrainIsAtMostOneSegmentedSend) {
  feed(2'000'000'000, 10ms, 500ms);
  longest_train_ = 0;
  feed(2'000'000'000, 10ms, 200ms);
  EXPECT_EQ(longest_train_, max_train_bytes / (slice_bytes + header_bytes));
  EXPECT_LE(longest_train_ * (slice_bytes + header_bytes), max_train_bytes);
}

TEST_F(PathTest, ATrainHasAtMostSixtyFourSlices) {
  feed(2'000'000'000, 10ms, 500ms, 512);
  longest_train_ = 0;
  feed(2'000'000'000, 10ms, 100ms, 512);
  EXPECT_EQ(longest_train_, max_train_slices);
}

TEST_F(PathTest, ATrainOfLongSlicesIsAtMostOneSegmentedSend) {
  make(1 << 30, 65536);
  feed(4'000'000'000, 10ms, 500ms, max_slice_bytes);
  longest_train_ = 0;
  feed(4'000'000'000, 10ms, 100ms, max_slice_bytes);
  EXPECT_EQ(longest_train_, 7U);
}

TEST_F(PathTest, TheReceiveBufferBoundsWhatIsAskedForBesideThePathItself) {
  constexpr std::uint64_t buffer = 100'000;
  make(buffer);
  // 25 MB/s and 50 ms hold 1.25 MB: the buffer must not bound that.
  feed(25'000'000, 50ms, 9s);
  largest_in_flight_ = 0;
  feed(25'000'000, 50ms, 500ms);
  const double on_the_way = static_cast<double>(path_->controller().estimated_rate()) *
                            std::chrono::duration<double>(path_->controller().min_rtt()).count();
  EXPECT_GE(on_the_way, 1'000'000);
  // What it asks at when it probes for more is a quarter above what it estimates.
  EXPECT_LE(static_cast<double>(path_->window_bytes()), on_the_way * 1.25 + buffer / 2.0);
  EXPECT_LE(static_cast<double>(largest_in_flight_), on_the_way * 1.25 + buffer / 2.0 + 1500);
  EXPECT_GE(static_cast<double>(largest_in_flight_), on_the_way * 0.9);
}

TEST_F(PathTest, APathOfAnInstantIsBoundByTheReceiveBuffer) {
  make(40'000);
  feed(1'000'000'000, 20us, 1s);
  // The shortest round trip holds one slice beside the 20 us.
  EXPECT_LE(path_->window_bytes(), 20'000U + (20'000U + path_->ip_bytes(slice_bytes)) * 5 / 4);
}

// Whatever it asks at to find out how fast the path is: what is measured there is some rate less than 1 GB/s.
TEST_F(PathTest, AStartIsBoundByTheReceiveBufferToo) {
  make(40'000);
  for (int i = 0; i < 100; ++i) {
    feed(100'000'000, 200us, 100us);
    const auto measured = static_cast<double>(path_->controller().estimated_rate()) *
                          std::chrono::duration<double>(path_->controller().min_rtt()).count();
    ASSERT_LE(static_cast<double>(path_->window_bytes()), 20'000 + std::max(4000.0, 3 * measured)) << i;
  }
}

TEST_F(PathTest, ATrainIsAtMostAQuarterOfTheWindow) {
  make(100'000);
  feed(1'000'000'000, 20us, 1s);
  longest_train_ = 0;
  feed(1'000'000'000, 20us, 100ms);
  // A millisecond of the rate would be a megabyte.
  EXPECT_LE(longest_train_ * path_->ip_bytes(slice_bytes), path_->window_bytes() / 4);
  EXPECT_GE(longest_train_, 4U);
}

TEST_F(PathTest, PacesItsAsks) {
  feed(10'000'000, 20ms, 5s);
  while (const std::uint32_t slices = path_->slices_allowed(now_, slice_bytes))
    path_->on_ask(now_, slices, slice_bytes);
  if (path_->window_is_open(slice_bytes)) {
    EXPECT_GT(path_->next_ask(), now_);
    EXPECT_EQ(path_->slices_allowed(path_->next_ask() - 1ns, slice_bytes), 0U);
    EXPECT_GT(path_->slices_allowed(path_->next_ask(), slice_bytes), 0U);
  }
}

TEST_F(PathTest, WaitsForAllThatIsInFlightBeforeItsAnswer) {
  EXPECT_EQ(path_->answer_time(), path_->rtt().probe_timeout());
  feed(1'000'000, 20ms, 5s);
  const std::chrono::duration<double> draining = path_->answer_time() - path_->rtt().probe_timeout();
  const auto rate = static_cast<double>(path_->controller().estimated_rate());
  EXPECT_NEAR(draining.count(), static_cast<double>(path_->in_flight()) / rate, 0.001);
  path_->on_ask(now_, 100'000, slice_bytes);
  EXPECT_LE(path_->answer_time() - path_->rtt().probe_timeout(), 1s);
}

// 25 MB/s and 50 ms hold 1.25 MB, a buffer of 100 KB: the rate must double in every round trip all the same.
TEST_F(PathTest, StartUpDoesNotEndAtTheReceiveBuffer) {
  make(100'000);
  feed(25'000'000, 50ms, 1s);
  EXPECT_GE(path_->controller().estimated_rate(), 20'000'000U);
}

TEST_F(PathTest, AsksSlowerWhereTheExposerIsBehind) {
  feed(10'000'000, 20ms, 2s);
  const double before = static_cast<double>(path_->rate());
  path_->on_busy(now_);
  EXPECT_NEAR(static_cast<double>(path_->rate()) / before, ServicePressure::decrease, 0.001);
  EXPECT_FALSE(path_->exposer_keeps_up());
}

// A train costs both sides the same whatever its length: many pullers that ask for two slices each keep an
// exposer busier than it can be.
TEST_F(PathTest, HoldsBackByAskingLessOftenAndNotForLess) {
  feed(10'000'000, 1ms, 2s);
  for (int round = 0; round < 60; ++round) {
    now_ += 1s;
    path_->on_busy(now_);
  }
  answers_.clear();
  path_->on_abandoned(path_->in_flight());
  now_ = path_->next_ask();
  const std::uint32_t train = path_->slices_allowed(now_, slice_bytes);
  EXPECT_NEAR(train, 6, 2);  // 1 ms of 10 MB/s
  path_->on_ask(now_, train, slice_bytes);
  EXPECT_FALSE(path_->window_is_open(slice_bytes));
  EXPECT_GE(path_->next_ask() - now_, 40ms);  // a 64th as often
}

TEST_F(PathTest, AsksSlowerWhereRequestsWait) {
  feed(10'000'000, 20ms, 2s);
  for (int round = 0; round < 20; ++round) {
    const AskedTrain train = path_->on_ask(now_, 1, slice_bytes);
    now_ += 30ms;
    path_->on_arrival(train, {.now = now_, .slices = 1, .rtt = 20ms, .service_delay = 10ms});
  }
  EXPECT_LE(path_->rate(), path_->controller().rate() / 4);
  EXPECT_GE(path_->rate(), path_->controller().rate() / 65);
}

TEST_F(PathTest, KnowsThatAQueueIsSeen) {
  const auto measure = [this](Duration rtt) {
    const AskedTrain train = path_->on_ask(now_, 1, slice_bytes);
    path_->on_arrival(train, {.now = now_ + rtt, .slices = 1, .rtt = rtt});
  };
  EXPECT_FALSE(path_->queue_is_seen());
  measure(40ms);
  measure(45ms);
  EXPECT_FALSE(path_->queue_is_seen());
  measure(47ms);
  EXPECT_TRUE(path_->queue_is_seen());
  measure(41ms);
  EXPECT_FALSE(path_->queue_is_seen());
}

TEST_F(PathTest, KnowsHowLongAByteTakes) {
  EXPECT_EQ(path_->ns_per_byte(), 0);
  feed(10'000'000, 20ms, 2s);
  EXPECT_NEAR(path_->ns_per_byte(), 100, 10);
}

class PathMtu : public PathTest {
 protected:
  PathMtu() { path_.emplace(Path::Options{.mtu = 1200, .max_mtu = 1500}); }
};

TEST_F(PathMtu, RaisesItsSlicesOnceAProbeArrives) {
  EXPECT_EQ(path_->slice_capacity(), 1140);
  const auto first_window = path_->window_bytes();
  ASSERT_EQ(path_->mtu_probe(now_), 1440);
  path_->on_mtu_probe();
  EXPECT_FALSE(path_->mtu_probe(now_));
  path_->on_mtu_probe_arrived(now_, 1500);
  EXPECT_EQ(path_->slice_capacity(), 1440);
  EXPECT_EQ(path_->mtu(), 1500U);
  EXPECT_GE(path_->window_bytes(), first_window);
}

TEST_F(PathMtu, GoesToTheNextLowerSizeAfterThreeLostProbes) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(path_->mtu_probe(now_), 1440);
    path_->on_mtu_probe();
    path_->on_mtu_probe_lost(now_);
  }
  EXPECT_EQ(path_->mtu_probe(now_), 1432);
}

TEST_F(PathMtu, FallsToWhatEveryPathCarriesInABlackHole) {
  path_->on_mtu_probe();
  path_->on_mtu_probe_arrived(now_, 1500);
  path_->on_black_hole(now_);
  EXPECT_EQ(path_->mtu(), fallback_mtu);
  EXPECT_EQ(path_->slice_capacity(), 1140);
  EXPECT_FALSE(path_->mtu_probe(now_));
  EXPECT_EQ(path_->mtu_probe(now_ + 1s), 1440);
}

TEST_F(PathMtu, SearchesForNoMoreThanTheExposersNetworkCarries) {
  path_->limit_slice_capacity(1300);
  EXPECT_EQ(path_->slice_capacity(), 1140);
  EXPECT_EQ(path_->mtu_probe(now_), 1300);
  path_->limit_slice_capacity(1100);
  EXPECT_EQ(path_->slice_capacity(), 1100);
  EXPECT_FALSE(path_->mtu_probe(now_ + 1h));
}

TEST_F(PathTest, ACookieIsRenewedAtHalfItsLifeAndThenDies) {
  EXPECT_EQ(path_->cookie(now_), Cookie{});
  EXPECT_LE(path_->cookie_renewal(), now_);
  path_->set_cookie(test::cookie_of(5), now_, 100s);
  EXPECT_EQ(path_->cookie_renewal(), now_ + 50s);
  EXPECT_EQ(path_->cookie(now_ + 100s - 1ns), test::cookie_of(5));
  EXPECT_EQ(path_->cookie(now_ + 100s), Cookie{});
}

}  // namespace
}  // namespace rgtp::packet
