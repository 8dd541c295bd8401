#include "link/link_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace rgtp::bench {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint64_t seed = 7;
constexpr std::size_t packet_bytes = 1500;
constexpr TimePoint start{std::chrono::seconds(1)};
// At 12 Mbit/s a packet of 1,500 bytes takes a millisecond.
constexpr double packet_a_millisecond = 12e6;

// An IPv4 packet, as far as ECN is concerned, that carries a number.
std::vector<std::byte> packet(std::uint32_t number) {
  std::vector<std::byte> bytes(packet_bytes);
  bytes[0] = std::byte{0x45};
  bytes[1] = std::byte{2};  // ECT(0)
  std::memcpy(&bytes[20], &number, sizeof number);
  return bytes;
}

struct Arrival {
  std::uint32_t number = 0;
  Duration after{};  // the start
  bool marked = false;
};

std::vector<Arrival> take_all(LinkModel& link) {
  std::vector<Arrival> arrivals;
  while (const auto delivery = link.pop(TimePoint::max())) {
    Arrival arrival{.after = delivery->due - start, .marked = delivery->packet[1] == std::byte{3}};
    std::memcpy(&arrival.number, &delivery->packet[20], sizeof arrival.number);
    arrivals.push_back(arrival);
  }
  return arrivals;
}

// `count` packets, one each `gap`, through a link.
std::vector<Arrival> send(LinkModel& link, std::uint32_t count, Duration gap) {
  for (std::uint32_t i = 0; i < count; ++i) link.push(start + i * gap, packet(i));
  return take_all(link);
}

// Of a binomial share; five of them are left by one run in two million.
double deviation(double share, std::uint32_t count) { return std::sqrt(share * (1 - share) / count); }

}  // namespace

TEST(LinkModel, DelaysAPacketByItsTimeOnTheWireAndTheDelay) {
  LinkModel link({.rate_bits_per_s = packet_a_millisecond, .delay = milliseconds(20), .queue_bytes = 100'000},
                 seed);
  const auto arrivals = send(link, 3, milliseconds(10));
  ASSERT_EQ(arrivals.size(), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(arrivals[i].after, milliseconds(10 * i + 1 + 20));
}

TEST(LinkModel, SendsABurstAtTheRate) {
  LinkModel link({.rate_bits_per_s = packet_a_millisecond, .queue_bytes = 1'000'000}, seed);
  const auto arrivals = send(link, 500, Duration::zero());
  ASSERT_EQ(arrivals.size(), 500u);
  for (std::uint32_t i = 0; i < 500; ++i) EXPECT_EQ(arrivals[i].after, milliseconds(i + 1));
}

TEST(LinkModel, DropsWhatTheQueueHasNoRoomFor) {
  LinkModel link({.rate_bits_per_s = packet_a_millisecond, .queue_bytes = 10 * packet_bytes}, seed);
  // Twice the rate for a second: ten more than the rate are taken, the queue's, and the rest is dropped.
  const auto arrivals = send(link, 2000, microseconds(500));
  EXPECT_NEAR(static_cast<double>(arrivals.size()), 1010, 2);
  EXPECT_EQ(link.counters().dropped, 2000 - arrivals.size());
  EXPECT_EQ(link.counters().packets_out, arrivals.size());
  EXPECT_LE(link.counters().longest_queue_bytes, 10 * packet_bytes);
}

TEST(LinkModel, WithoutARateOnlyDelays) {
  LinkModel link({.delay = milliseconds(5)}, seed);
  const auto arrivals = send(link, 1000, Duration::zero());
  ASSERT_EQ(arrivals.size(), 1000u);
  for (const Arrival& arrival : arrivals) EXPECT_EQ(arrival.after, milliseconds(5));
}

TEST(LinkModel, LosesTheShareThatWasAskedFor) {
  constexpr std::uint32_t count = 200'000;
  for (const double loss : {0.01, 0.1, 0.5}) {
    LinkModel link({.loss = loss}, seed);
    send(link, count, Duration::zero());
    EXPECT_NEAR(static_cast<double>(link.counters().lost) / count, loss, 5 * deviation(loss, count));
  }
}

TEST(LinkModel, LosesInRunsOfTheMeanLength) {
  constexpr std::uint32_t count = 400'000;
  constexpr double loss = 0.05;
  for (const double mean_run : {1.0, 4.0, 20.0}) {
    LinkModel link({.loss = loss, .mean_loss_run = mean_run}, seed);
    const auto arrivals = send(link, count, Duration::zero());
    std::uint32_t runs = 0;
    std::uint32_t expected = 0;
    for (const Arrival& arrival : arrivals) {
      if (arrival.number != expected) ++runs;
      expected = arrival.number + 1;
    }
    const auto lost = static_cast<double>(link.counters().lost);
    // Losses of their own fall side by side as well: a run is 1 / (1 - loss) long then.
    const double length = mean_run > 1 ? mean_run : 1 / (1 - loss);
    EXPECT_NEAR(lost / count, loss, 5 * deviation(loss, count) * std::sqrt(2 * mean_run));
    EXPECT_NEAR(lost / runs, length, 0.1 * length);
  }
}

TEST(LinkModel, HoldsBackTheShareThatWasAskedForAndOthersOvertake) {
  constexpr std::uint32_t count = 100'000;
  constexpr double reorder = 0.03;
  LinkModel link({.delay = milliseconds(10), .reorder = reorder, .held_back = milliseconds(5)}, seed);
  const auto arrivals = send(link, count, microseconds(100));
  ASSERT_EQ(arrivals.size(), count);
  std::uint32_t late = 0;
  std::uint32_t overtaken = 0;
  std::uint32_t highest = 0;
  Duration before{};
  for (const Arrival& arrival : arrivals) {
    EXPECT_GE(arrival.after, before);
    before = arrival.after;
    late += arrival.after == arrival.number * microseconds(100) + milliseconds(15);
    overtaken += arrival.number < highest;
    highest = std::max(highest, arrival.number);
  }
  EXPECT_EQ(late, link.counters().held_back);
  EXPECT_NEAR(static_cast<double>(late) / count, reorder, 5 * deviation(reorder, count));
  // All but the last few, behind which nothing came.
  EXPECT_NEAR(overtaken, late, 5);
}

TEST(LinkModel, JittersEvenlyAndKeepsTheOrder) {
  LinkModel link({.delay = milliseconds(10), .jitter = milliseconds(8)}, seed);
  // So far apart that none has to wait for the one before.
  const auto arrivals = send(link, 10'000, milliseconds(10));
  ASSERT_EQ(arrivals.size(), 10'000u);
  double sum_ms = 0;
  for (std::uint32_t i = 0; i < arrivals.size(); ++i) {
    EXPECT_EQ(arrivals[i].number, i);
    const auto more = arrivals[i].after - i * milliseconds(10) - milliseconds(10);
    EXPECT_GE(more, Duration::zero());
    EXPECT_LE(more, milliseconds(8));
    sum_ms += std::chrono::duration<double, std::milli>(more).count();
  }
  EXPECT_NEAR(sum_ms / 10'000, 4, 0.12);
  LinkModel close({.jitter = milliseconds(8)}, seed);
  const auto together = send(close, 1000, microseconds(10));
  for (std::uint32_t i = 0; i < together.size(); ++i) EXPECT_EQ(together[i].number, i);
}

TEST(LinkModel, DuplicatesTheShareThatWasAskedFor) {
  constexpr std::uint32_t count = 100'000;
  LinkModel link({.duplicate = 0.02}, seed);
  const auto arrivals = send(link, count, Duration::zero());
  EXPECT_EQ(arrivals.size(), count + link.counters().duplicated);
  EXPECT_NEAR(static_cast<double>(link.counters().duplicated) / count, 0.02, 5 * deviation(0.02, count));
}

TEST(LinkModel, MarksBehindALongQueueOnly) {
  LinkModel link({.rate_bits_per_s = packet_a_millisecond,
                  .queue_bytes = 1'000'000,
                  .mark_above_bytes = 10 * packet_bytes},
                 seed);
  const auto arrivals = send(link, 100, Duration::zero());
  ASSERT_EQ(arrivals.size(), 100u);
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(arrivals[i].marked, i > 10) << i;
  EXPECT_EQ(link.counters().marked, 89u);
}

TEST(LinkModel, RepeatsItselfForASeedAlone) {
  const LinkOptions options{
      .loss = 0.1, .reorder = 0.1, .held_back = milliseconds(3), .jitter = milliseconds(1)};
  const auto numbers = [&](std::uint64_t of_seed) {
    LinkModel link(options, of_seed);
    std::vector<std::pair<std::uint32_t, Duration>> result;
    for (const Arrival& arrival : send(link, 1000, microseconds(50)))
      result.emplace_back(arrival.number, arrival.after);
    return result;
  };
  EXPECT_EQ(numbers(3), numbers(3));
  EXPECT_NE(numbers(3), numbers(4));
}

TEST(LinkModel, LosesTheSamePacketsWhateverElseItDoes) {
  const auto lost = [](const LinkOptions& options) {
    LinkModel link(options, seed);
    std::vector<bool> arrived(1000);
    for (const Arrival& arrival : send(link, 1000, microseconds(50))) arrived[arrival.number] = true;
    return arrived;
  };
  EXPECT_EQ(lost({.loss = 0.1}),
            lost({.loss = 0.1, .reorder = 0.2, .duplicate = 0.2, .jitter = milliseconds(1)}));
}

TEST(LinkModel, GivesNothingBeforeItIsDue) {
  LinkModel link({.delay = milliseconds(5)}, seed);
  EXPECT_FALSE(link.next_due());
  link.push(start, packet(0));
  EXPECT_EQ(link.next_due(), start + milliseconds(5));
  EXPECT_FALSE(link.pop(start + milliseconds(5) - Duration(1)));
  EXPECT_TRUE(link.pop(start + milliseconds(5)));
  EXPECT_FALSE(link.next_due());
}

}  // namespace rgtp::bench
