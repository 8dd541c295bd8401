#include "core/counters.h"

#include <chrono>

#include <gtest/gtest.h>

namespace rgtp::core {
namespace {

using std::chrono::milliseconds;

TEST(Counters, StartAtZero) {
  const Stats stats = Counters().snapshot();
  EXPECT_EQ(stats.bytes, 0U);
  EXPECT_EQ(stats.chunks, 0U);
  EXPECT_EQ(stats.rtt, Duration::zero());
  EXPECT_EQ(stats.time_to_first_chunk, Duration::zero());
}

TEST(Counters, AddUpDatagramsInBothDirections) {
  Counters counters;
  counters.on_event(event::DatagramSent{100});
  counters.on_event(event::DatagramSent{23});
  counters.on_event(event::DatagramReceived{1400});
  counters.on_event(event::DatagramReceived{1401});
  counters.on_event(event::DatagramReceived{1402});
  counters.on_event(event::DatagramDropped{1402});
  counters.on_event(event::Refused{Errc::withdrawn});
  const Stats stats = counters.snapshot();
  EXPECT_EQ(stats.datagrams_sent, 2U);
  EXPECT_EQ(stats.bytes_sent, 123U);
  EXPECT_EQ(stats.datagrams_received, 3U);
  EXPECT_EQ(stats.bytes_received, 4203U);
  EXPECT_EQ(stats.datagrams_dropped, 1U);
  EXPECT_EQ(stats.refusals, 1U);
  EXPECT_EQ(stats.bytes, 0U);
}

TEST(Counters, CountAChunkAsVerifiedOnlyWhereItWasHashed) {
  Counters counters;
  counters.on_event(event::ManifestReceived{10000, 3});
  counters.on_event(event::ChunkVerified{ChunkIndex{0}, 4096});
  counters.on_event(event::ChunkRejected{ChunkIndex{1}});
  counters.on_event(event::ChunkAdopted{ChunkIndex{2}, 1808});
  const Stats stats = counters.snapshot();
  EXPECT_EQ(stats.chunks, 2U);
  EXPECT_EQ(stats.bytes, 5904U);
  EXPECT_EQ(stats.verified_bytes, 4096U);
  EXPECT_EQ(stats.rejected_chunks, 1U);
}

TEST(Counters, CountAsksAndLosses) {
  Counters counters;
  counters.on_event(event::Asked{0, 40, 0});
  counters.on_event(event::Asked{40, 8, 5});
  counters.on_event(event::SliceReceived{3, ChunkIndex{0}, 3, false});
  counters.on_event(event::SliceReceived{3, ChunkIndex{0}, 3, true});
  counters.on_event(event::SlicesLost{6});
  counters.on_event(event::LossWasSpurious{4});
  counters.on_event(event::ProbeTimeout{2});
  const Stats stats = counters.snapshot();
  EXPECT_EQ(stats.requests, 2U);
  EXPECT_EQ(stats.slices_asked, 48U);
  EXPECT_EQ(stats.slices_asked_again, 5U);
  EXPECT_EQ(stats.duplicates, 1U);
  EXPECT_EQ(stats.slices_lost, 6U);
  EXPECT_EQ(stats.spurious_losses, 1U);
  EXPECT_EQ(stats.probe_timeouts, 1U);
}

TEST(Counters, CountWhatAnExposerIsAskedFor) {
  Counters counters;
  counters.on_event(event::RequestReceived{12});
  counters.on_event(event::RequestReceived{3});
  counters.on_event(event::RequestOverflow{7});
  const Stats stats = counters.snapshot();
  EXPECT_EQ(stats.requests, 2U);
  EXPECT_EQ(stats.slices_asked, 15U);
  EXPECT_EQ(stats.request_overflows, 7U);
}

TEST(Counters, KeepTheLastRateAndRoundTripTime) {
  Counters counters;
  counters.on_event(event::RttMeasured{milliseconds(20)});
  counters.on_event(event::RttMeasured{milliseconds(3)});
  counters.on_event(event::RateChanged{1000000, 30000});
  counters.on_event(event::RateChanged{500000, 20000});
  const Stats stats = counters.snapshot();
  EXPECT_EQ(stats.rtt, milliseconds(3));
  EXPECT_EQ(stats.rate, 500000U);
  EXPECT_EQ(stats.window_bytes, 20000U);
}

TEST(Counters, KeepTheFirstTimeToTheFirstChunk) {
  Counters counters;
  TimePoint now(std::chrono::seconds(1));
  counters.begin([&now] { return now; });
  now += milliseconds(3);
  counters.on_event(event::SliceReceived{0, ChunkIndex{0}, 0, true});
  EXPECT_EQ(counters.snapshot().time_to_first_byte, Duration::zero());
  now += milliseconds(2);
  counters.on_event(event::SliceReceived{0, ChunkIndex{0}, 0, false});
  now += milliseconds(1);
  counters.on_event(event::SliceReceived{1, ChunkIndex{0}, 1, false});
  counters.set_time_to_first_chunk(milliseconds(7));
  counters.set_time_to_first_chunk(milliseconds(9));
  EXPECT_EQ(counters.snapshot().time_to_first_chunk, milliseconds(7));
  EXPECT_EQ(counters.snapshot().time_to_first_byte, milliseconds(5));
}

}  // namespace
}  // namespace rgtp::core
