// What several threads may do at once. The build with ThreadSanitizer runs these.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/bitmap.h"
#include "support/pattern.h"
#include "support/surfaces.h"

namespace rgtp::core {
namespace {

constexpr std::uint32_t threads = 4;

// Runs the body with 0 to threads - 1, all of them beginning together.
template <class Body>
void run_together(const Body& body) {
  std::barrier start(threads);
  std::vector<std::thread> running;
  for (std::uint32_t i = 0; i < threads; ++i)
    running.emplace_back([&, i] {
      start.arrive_and_wait();
      body(i);
    });
  for (std::thread& thread : running) thread.join();
}

// Whether the condition came true in reasonable time: a lost bit must fail a test, not hang it.
template <class Condition>
bool comes_true(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(ChunkBitmapThreaded, TellsExactlyOneThreadThatItSetABit) {
  constexpr std::uint32_t bits = 300'001;
  ChunkBitmap bitmap(bits);
  std::vector<std::atomic<int>> winners(bits);
  run_together([&](std::uint32_t thread) {
    // Half of them come from the other end.
    for (std::uint32_t i = 0; i < bits; ++i) {
      const std::uint32_t bit = thread % 2 == 0 ? i : bits - 1 - i;
      if (bitmap.set(bit)) ++winners[bit];
    }
  });
  EXPECT_EQ(bitmap.count(), bits);
  EXPECT_TRUE(std::ranges::all_of(winners, [](const auto& count) { return count == 1; }));
}

TEST(ChunkBitmapThreaded, LosesNoBitOfAWordThatManyThreadsSet) {
  // Each word is everybody's, each bit one thread's. Long enough that the threads meet.
  constexpr std::uint32_t bits = 1U << 20;
  ChunkBitmap bitmap(bits);
  run_together([&](std::uint32_t thread) {
    for (std::uint32_t bit = thread; bit < bits; bit += threads) bitmap.set(bit);
  });
  EXPECT_EQ(bitmap.count(), bits);
  EXPECT_EQ(bitmap.next_clear(0, bits), std::nullopt);
}

TEST(ChunkBitmapThreaded, ShowsWhatWasWrittenBeforeABitWasSet) {
  constexpr std::uint32_t bits = 2000;
  ChunkBitmap bitmap(bits);
  std::vector<std::uint32_t> written(bits);
  std::atomic<std::uint32_t> wrong{0};
  run_together([&](std::uint32_t thread) {
    if (thread == 0) {
      for (std::uint32_t bit = 0; bit < bits; ++bit) {
        written[bit] = bit + 1;
        bitmap.set(bit);
      }
      return;
    }
    for (std::uint32_t bit = 0; bit < bits; ++bit) {
      if (!comes_true([&] { return bitmap.next_set(bit, bit + 1).has_value(); })) {
        ++wrong;
        return;
      }
      if (written[bit] != bit + 1) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0U);
}

TEST(SurfaceStoreThreaded, ServesChunksWhileOthersArePublished) {
  constexpr std::uint32_t chunks = 300;
  const Manifest manifest = test::manifest_of(std::uint64_t{chunks} * 4096 - 77);
  const auto bytes = test::pattern(manifest.size);
  const auto region = HeapRegion::make(manifest.size).value();
  SurfaceStore store(manifest, region);
  std::atomic<std::uint32_t> next{0};
  std::atomic<std::uint32_t> wrong{0};
  const auto publish_all = [&] {
    for (std::uint32_t i = next++; i < chunks; i = next++) {
      const ChunkIndex chunk{i};
      const auto part = test::chunk_of(manifest, chunk, bytes);
      if (!region->write(manifest.offset_of(chunk), part)) ++wrong;
      store.publish(chunk, chunk_tag(chunk, part));
    }
  };
  const auto read_all = [&] {
    std::vector<std::byte> out(4096 + Manifest::tag_bytes);
    for (std::uint32_t i = 0; i < chunks; ++i) {
      const ChunkIndex chunk{i};
      if (!comes_true([&] { return store.has(chunk); })) {
        ++wrong;
        return;
      }
      const std::uint32_t length = manifest.length_of(chunk);
      const std::span all = std::span(out).first(length + Manifest::tag_bytes);
      if (store.read(chunk, 0, all, ReadMode::cached_only) != ReadStatus::done) ++wrong;
      const Tag tag = chunk_tag(chunk, all.first(length));
      if (!std::ranges::equal(all.subspan(length), tag)) ++wrong;
      if (!std::ranges::equal(all.first(length), test::chunk_of(manifest, chunk, bytes))) ++wrong;
    }
  };
  run_together([&](std::uint32_t thread) { thread < 2 ? publish_all() : read_all(); });
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(store.published(), chunks);
}

}  // namespace
}  // namespace rgtp::core
