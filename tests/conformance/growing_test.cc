// Whatever the transport: a surface that is still being written is pulled as it grows, and ends as its writer
// says.
#include <filesystem>
#include <future>
#include <thread>

#include "conformance/fixture.h"
#include "support/files.h"
#include "support/temporary_directory.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

TEST_P(Growing, PullsFromBeforeDuringAndAfterSeeEveryByte) {
  const auto bytes = pattern(20 * chunk_bytes + 100);
  auto producer = produce(bytes);
  const Locator locator = producer.locator();
  Pull before = puller_->pull(locator);
  std::optional<Pull> during;
  for (std::uint32_t chunk = 0; chunk < producer.chunks(); ++chunk) {
    producer.publish(chunk);
    if (chunk == 10) during = puller_->pull(locator);
  }
  const Surface surface = producer.finish().value();
  Pull after = puller_->pull(locator);
  expect_complete(before, bytes);
  expect_complete(*during, bytes);
  expect_complete(after, bytes);
  EXPECT_EQ(before.transport(), GetParam().winner);
}

TEST_P(Growing, AChunkIsGivenOutWhileTheNextOneIsNotWrittenYet) {
  const auto bytes = pattern(5 * chunk_bytes);
  auto producer = produce(bytes);
  Pull pull = puller_->pull(producer.locator(), {.order = Order::content});
  for (std::uint32_t chunk = 0; chunk < producer.chunks(); ++chunk) {
    producer.publish(chunk);
    const auto next = pull.next().get();
    ASSERT_TRUE(next && *next);
    EXPECT_EQ((*next)->offset(), std::uint64_t{chunk} * chunk_bytes);
    EXPECT_TRUE(same_bytes((*next)->bytes(), std::span(bytes).subspan(chunk * chunk_bytes, chunk_bytes)));
  }
  const Surface surface = producer.finish().value();
  EXPECT_FALSE(pull.next().get().value());
}

TEST_P(Growing, EveryWayToWaitSeesEveryChunkAndTheEnd) {
  const auto bytes = pattern(30 * chunk_bytes + 77);
  for (const Wait wait : {Wait::loop, Wait::block, Wait::spin}) {
    auto producer = produce_up_to(100 * chunk_bytes, bytes);
    Pull whole = puller_->pull(producer.locator(), {.wait = wait});
    Pull ordered = puller_->pull(producer.locator(), {.order = Order::content, .wait = wait});
    std::optional<Surface> surface;
    std::thread writing([&] {
      for (std::uint32_t chunk = 0; chunk < 30; ++chunk) {
        std::this_thread::sleep_for(chunk % 7 * 300us);
        producer.publish(chunk);
      }
      producer.fill(30);
      surface = producer.finish().value();
    });
    std::vector<std::byte> got;
    while (auto chunk = ordered.next().get().value())
      got.insert(got.end(), chunk->bytes().begin(), chunk->bytes().end());
    EXPECT_TRUE(same_bytes(got, bytes));
    expect_complete(whole, bytes);
    writing.join();
    Pull after = puller_->pull(surface->locator(), {.wait = wait});
    expect_complete(after, bytes);
    EXPECT_EQ(ordered.transport(), GetParam().winner);
  }
}

TEST_P(Growing, WhoWaitsInAnyWayHearsAtOnceThatThePullWent) {
  const auto bytes = pattern(3 * chunk_bytes);
  for (const Wait wait : {Wait::loop, Wait::block, Wait::spin}) {
    auto producer = produce(bytes);
    std::optional<Pull> pull = puller_->pull(producer.locator(), {.wait = wait});
    producer.publish(0);
    ASSERT_TRUE(pull->next().get().value());
    auto waiting = std::async(std::launch::async, [next = pull->next()]() mutable { return next.get(); });
    std::this_thread::sleep_for(20ms);
    const auto begun = std::chrono::steady_clock::now();
    pull.reset();
    EXPECT_EQ(waiting.get().error().code, Errc::cancelled);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 150ms);
  }
}

TEST_P(Growing, ChunksMayBePublishedInAnyOrderFromSeveralThreads) {
  const auto bytes = pattern(64 * chunk_bytes);
  auto producer = produce(bytes);
  Pull pull = puller_->pull(producer.locator());
  std::vector<std::thread> threads;
  for (std::uint32_t first = 0; first < 4; ++first)
    threads.emplace_back([&producer, first] {
      for (std::uint32_t i = 0; i < 16; ++i) producer.publish(4 * (15 - i) + first);
    });
  for (auto& thread : threads) thread.join();
  const Surface surface = producer.finish().value();
  expect_complete(pull, bytes);
}

TEST_P(Growing, UnderACapacityTheSizeIsWhatTheWriterFinishesWith) {
  for (const std::size_t size :
       {0U, 1U, chunk_bytes - 1, chunk_bytes, chunk_bytes + 1, 7 * chunk_bytes + 33}) {
    const auto bytes = pattern(size);
    auto producer = produce_up_to(20 * chunk_bytes + 5, bytes);
    Pull before = puller_->pull(producer.locator());
    Pull ordered = puller_->pull(producer.locator(), {.order = Order::content});
    for (std::uint32_t chunk = 0; (chunk + 1) * chunk_bytes <= size; ++chunk) producer.publish(chunk);
    if (size % chunk_bytes != 0) producer.fill(static_cast<std::uint32_t>(size / chunk_bytes));
    const auto surface = producer.finish();
    ASSERT_TRUE(surface) << surface.error().message();
    Pull after = puller_->pull(surface->locator());
    expect_complete(before, bytes);
    expect_complete(after, bytes);
    std::vector<std::byte> got;
    while (auto chunk = ordered.next().get().value())
      got.insert(got.end(), chunk->bytes().begin(), chunk->bytes().end());
    EXPECT_TRUE(same_bytes(got, bytes)) << size;
  }
}

TEST_P(Growing, IntoAFileWritesWhatThereIsInTheEnd) {
  const TemporaryDirectory directory;
  const auto bytes = pattern(9 * chunk_bytes + 17);
  auto producer = produce_up_to(1'000'000, bytes);
  Pull pull = puller_->pull(producer.locator(), {.into = directory / "out"});
  for (std::uint32_t chunk = 0; chunk < 9; ++chunk) producer.publish(chunk);
  producer.fill(9);
  const Surface surface = producer.finish().value();
  expect_complete(pull, bytes);
  EXPECT_EQ(std::filesystem::file_size(directory / "out"), bytes.size());
}

TEST_P(Growing, AWriterThatIsDroppedAbortsItsPullsBehindWhatItPublished) {
  const auto bytes = pattern(10 * chunk_bytes);
  std::optional<Producer> producer = produce(bytes);
  Pull pull = puller_->pull(producer->locator(), {.order = Order::content});
  producer->publish(0);
  producer->publish(1);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(pull.next().get().value());
  const Locator locator = producer->locator();
  producer.reset();
  EXPECT_EQ(pull.next().get().error().code, Errc::aborted);
  EXPECT_EQ(pull.next().get().error().code, Errc::aborted);
  Pull late = puller_->pull(locator);
  const auto code = late.complete().get().error().code;
  EXPECT_TRUE(code == Errc::aborted || code == Errc::unknown_surface) << to_string(code);
}

TEST_P(Growing, ARangeIsCompleteWhenItsChunksAreThere) {
  const auto bytes = pattern(10 * chunk_bytes);
  auto producer = produce_up_to(100 * chunk_bytes, bytes);
  Pull part = puller_->pull(producer.locator(), {.range = {chunk_bytes + 7, chunk_bytes}});
  Pull past = puller_->pull(producer.locator(), {.range = {9 * chunk_bytes, 2 * chunk_bytes}});
  producer.publish(2);
  producer.publish(1);
  const auto view = part.complete().get();
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_TRUE(same_bytes(view->bytes(), std::span(bytes).subspan(chunk_bytes + 7, chunk_bytes)));
  for (const std::uint32_t chunk : {0U, 3U, 4U, 5U, 6U, 7U, 8U, 9U}) producer.publish(chunk);
  const Surface surface = producer.finish().value();
  EXPECT_EQ(past.complete().get().error().code, Errc::out_of_range);
}

TEST_P(Growing, WhatAWriterMayNotDoIsATypedError) {
  const auto bytes = pattern(3 * chunk_bytes);
  auto producer = produce_up_to(5 * chunk_bytes, bytes);
  SurfaceWriter& writer = producer.writer();
  EXPECT_EQ(writer.loan(ChunkIndex{5}).error().code, Errc::out_of_range);
  EXPECT_EQ(writer.publish(ChunkIndex{0}).error().code, Errc::invalid_argument);  // not loaned
  producer.publish(0);
  EXPECT_EQ(writer.publish(ChunkIndex{0}).error().code, Errc::invalid_argument);
  EXPECT_EQ(writer.loan(ChunkIndex{0}).error().code, Errc::invalid_argument);
  producer.publish(2);
  EXPECT_EQ(std::move(writer).finish().error().code, Errc::invalid_argument);                 // no size
  EXPECT_EQ(std::move(writer).finish(3 * chunk_bytes).error().code, Errc::invalid_argument);  // 1 is missing
  EXPECT_EQ(std::move(writer).finish(chunk_bytes + 5).error().code,
            Errc::invalid_argument);  // 2 is behind it
  EXPECT_EQ(std::move(writer).finish(6 * chunk_bytes).error().code, Errc::invalid_argument);  // too much
  EXPECT_EQ(std::move(writer).finish(3 * chunk_bytes + 1).error().code,
            Errc::invalid_argument);  // 3 not loaned
  producer.publish(1);
  EXPECT_TRUE(producer.finish());
  EXPECT_EQ(exposer_->begin({}).error().code, Errc::invalid_argument);
  EXPECT_EQ(exposer_->begin({.size = 1, .capacity = 1}).error().code, Errc::invalid_argument);
}

TEST_P(Growing, AWithdrawalOfAFinishedSurfaceEndsWhatStillWaits) {
  const auto bytes = pattern(3 * chunk_bytes);
  std::optional<Producer> producer = produce(bytes);
  Pull pull = puller_->pull(producer->locator());
  producer->publish(0);
  ASSERT_TRUE(pull.next().get().value());
  auto next = pull.next();
  producer.reset();
  EXPECT_EQ(next.get().error().code, Errc::aborted);
}

}  // namespace
}  // namespace rgtp::test
