#include "core/surface_store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/pattern.h"
#include "support/surfaces.h"

namespace rgtp::core {
namespace {

using test::manifest_of;
using test::pattern;

// Two full chunks and one of 1,000 bytes.
constexpr std::uint64_t size = 2 * 4096 + 1000;

// A region that would have to wait for a disk, or cannot read at all.
class StubbornRegion : public Region {
 public:
  explicit StubbornRegion(std::uint64_t bytes, Result<ReadStatus> answer)
      : bytes_(bytes), answer_(std::move(answer)) {}

  std::uint64_t size() const override { return bytes_; }
  Result<ReadStatus> read(std::uint64_t, std::span<std::byte>, ReadMode) const override { return answer_; }
  Result<void> write(std::uint64_t, std::span<const std::byte>) override { return {}; }
  std::span<const std::byte> mapped() const override { return {}; }
  std::span<std::byte> writable() override { return {}; }
  Result<void> check_unchanged(ReadMode /*mode*/) const override {
    return fail(Errc::source_changed, "it has changed");
  }

 private:
  std::uint64_t bytes_;
  Result<ReadStatus> answer_;
};

// What travels for a chunk: its bytes, its tag, and zeros without end.
std::vector<std::byte> as_it_travels(const Manifest& manifest, ChunkIndex chunk,
                                     std::span<const std::byte> surface, std::size_t zeros) {
  const auto bytes = test::chunk_of(manifest, chunk, surface);
  std::vector<std::byte> all(bytes.begin(), bytes.end());
  const Tag tag = chunk_tag(chunk, bytes);
  all.insert(all.end(), tag.begin(), tag.end());
  all.resize(all.size() + zeros);
  return all;
}

std::vector<std::byte> read(const SurfaceStore& store, ChunkIndex chunk, std::uint32_t offset,
                            std::size_t length) {
  // What was in the buffer before must not shine through.
  std::vector<std::byte> out(length, std::byte{0xee});
  EXPECT_EQ(store.read(chunk, offset, out, ReadMode::may_block), ReadStatus::done);
  return out;
}

TEST(SurfaceStore, PublishesChunkByChunk) {
  const auto bytes = pattern(size);
  const auto store = test::unpublished_store(manifest_of(size), bytes);
  EXPECT_EQ(store->published(), 0U);
  for (const std::uint32_t chunk : {1U, 2U, 0U}) {
    EXPECT_FALSE(store->has(ChunkIndex{chunk}));
    test::publish(*store, ChunkIndex{chunk});
    EXPECT_TRUE(store->has(ChunkIndex{chunk}));
  }
  EXPECT_EQ(store->published(), 3U);
  EXPECT_TRUE(std::ranges::equal(store->mapped(), bytes));
  EXPECT_TRUE(store->check_unchanged(ReadMode::may_block));
}

TEST(SurfaceStore, SaysOfSixtyFourChunksAtOnceWhatItSaysOfEach) {
  constexpr std::uint64_t bytes = 70 * 4096;
  const auto store = test::unpublished_store(manifest_of(bytes), pattern(bytes));
  for (const std::uint32_t chunk : {3U, 63U, 64U, 69U}) test::publish(*store, ChunkIndex{chunk});
  for (const std::uint32_t word : {0U, 1U}) EXPECT_EQ(store->has_word(word), store->Store::has_word(word));
  EXPECT_EQ(store->has_word(1), 0x21U);
}

TEST(SurfaceStore, CountsAChunkThatIsPublishedAgainOnce) {
  const auto store = test::unpublished_store(manifest_of(size), pattern(size));
  test::publish(*store, ChunkIndex{1});
  test::publish(*store, ChunkIndex{1});
  EXPECT_EQ(store->published(), 1U);
}

TEST(SurfaceStore, KeepsTheTagOfEachChunkAsItsTrailer) {
  const auto bytes = pattern(size);
  const auto manifest = manifest_of(size);
  const auto store = test::published_store(manifest, bytes);
  for (std::uint32_t i = 0; i < 3; ++i) {
    const ChunkIndex chunk{i};
    const Tag tag = chunk_tag(chunk, test::chunk_of(manifest, chunk, bytes));
    EXPECT_TRUE(std::ranges::equal(store->trailer(chunk), tag));
  }
}

TEST(SurfaceStore, ReadsAcrossTheBordersOfChunkTrailerAndPadding) {
  const auto bytes = pattern(size);
  const auto manifest = manifest_of(size);
  const auto store = test::published_store(manifest, bytes);
  for (std::uint32_t i = 0; i < 3; ++i) {
    const ChunkIndex chunk{i};
    const auto expected = as_it_travels(manifest, chunk, bytes, 64);
    const std::uint32_t length = manifest.length_of(chunk);
    const std::uint32_t places[] = {0,           1,           length - 1,  length,      length + 1,
                                    length + 15, length + 16, length + 17, length + 40, length + 80};
    for (const std::uint32_t from : places) {
      for (const std::uint32_t end : places) {
        if (end < from) continue;
        const auto out = read(*store, chunk, from, end - from);
        EXPECT_TRUE(std::ranges::equal(out, std::span(expected).subspan(from, end - from)))
            << "chunk " << i << " from " << from << " to " << end;
      }
    }
  }
}

TEST(SurfaceStore, ReadsTheSameInSlicesOfAnyLength) {
  const auto bytes = pattern(size);
  const auto manifest = manifest_of(size);
  const auto store = test::published_store(manifest, bytes);
  std::mt19937_64 random(77);
  for (int round = 0; round < 200; ++round) {
    const ChunkIndex chunk{static_cast<std::uint32_t>(round % 3)};
    const auto slice = static_cast<std::uint32_t>(1 + random() % 2000);
    const std::uint32_t slices = (manifest.length_of(chunk) + Manifest::tag_bytes + slice - 1) / slice;
    std::vector<std::byte> joined;
    for (std::uint32_t i = 0; i < slices; ++i) {
      const auto out = read(*store, chunk, i * slice, slice);
      joined.insert(joined.end(), out.begin(), out.end());
    }
    auto expected = as_it_travels(manifest, chunk, bytes, slice);
    expected.resize(joined.size());
    ASSERT_EQ(joined, expected) << "slices of " << slice << " bytes";
  }
}

TEST(SurfaceStore, HandsOnWhatTheRegionSays) {
  const auto store_over = [](Result<ReadStatus> answer) {
    auto store = std::make_shared<SurfaceStore>(manifest_of(size),
                                                std::make_shared<StubbornRegion>(size, std::move(answer)));
    store->publish(ChunkIndex{0}, Tag{});
    return store;
  };
  std::vector<std::byte> out(4200);
  EXPECT_EQ(store_over(ReadStatus::would_block)->read(ChunkIndex{0}, 0, out, ReadMode::cached_only),
            ReadStatus::would_block);
  const auto failed =
      store_over(fail(Errc::io_error, "the disk is gone"))->read(ChunkIndex{0}, 0, out, ReadMode::may_block);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::io_error);
  EXPECT_TRUE(store_over(ReadStatus::done)->mapped().empty());
  EXPECT_EQ(store_over(ReadStatus::done)->check_unchanged(ReadMode::may_block).error().code,
            Errc::source_changed);
}

TEST(SurfaceStore, NeedsNoRegionForATrailer) {
  SurfaceStore store(manifest_of(size),
                     std::make_shared<StubbornRegion>(size, fail(Errc::io_error, "the disk is gone")));
  store.publish(ChunkIndex{2}, Tag{std::byte{9}});
  std::vector<std::byte> out(20, std::byte{0xee});
  EXPECT_EQ(store.read(ChunkIndex{2}, 1000, out, ReadMode::cached_only), ReadStatus::done);
  std::vector<std::byte> expected(20);
  expected[0] = std::byte{9};
  EXPECT_EQ(out, expected);
}

TEST(SurfaceStore, MayBeEmpty) {
  const auto store = test::published_store(manifest_of(0), {});
  EXPECT_EQ(store->published(), 0U);
  EXPECT_TRUE(store->mapped().empty());
}

// Writes down what a store tells its region.
class ListeningRegion : public Region {
 public:
  explicit ListeningRegion(std::uint64_t bytes) : memory_(bytes) {}
  std::uint64_t size() const override { return memory_.size(); }
  Result<ReadStatus> read(std::uint64_t, std::span<std::byte>, ReadMode) const override {
    return ReadStatus::done;
  }
  Result<void> write(std::uint64_t, std::span<const std::byte>) override { return {}; }
  std::span<const std::byte> mapped() const override { return memory_; }
  std::span<std::byte> writable() override { return memory_; }
  void on_published() override { told.emplace_back("published"); }
  void on_final_size(const FinalSize& bytes) override {
    told.push_back("size " + std::to_string(bytes.bytes));
  }
  void on_state(SurfaceState state) override {
    told.push_back("state " + std::to_string(static_cast<unsigned>(state)));
  }

  std::vector<std::string> told;

 private:
  std::vector<std::byte> memory_;
};

Manifest growing_manifest() {
  Manifest manifest = manifest_of(size);
  manifest.size_pending = true;
  return manifest;
}

TEST(SurfaceStore, PublishesAChunkOnceAndKeepsItsFirstTag) {
  const auto region = std::make_shared<ListeningRegion>(size);
  SurfaceStore store(manifest_of(size), region);
  EXPECT_TRUE(store.publish(ChunkIndex{1}, Tag{std::byte{1}}));
  EXPECT_FALSE(store.publish(ChunkIndex{1}, Tag{std::byte{2}}));
  EXPECT_EQ(store.trailer(ChunkIndex{1})[0], std::byte{1});
  EXPECT_EQ(store.published(), 1U);
  EXPECT_EQ(region->told, std::vector<std::string>{"published"});
}

TEST(SurfaceStore, EndsOnceAndTellsItsRegion) {
  const auto region = std::make_shared<ListeningRegion>(size);
  SurfaceStore store(manifest_of(size), region);
  EXPECT_EQ(store.state(), SurfaceState::growing);
  store.end(SurfaceState::aborted);
  store.end(SurfaceState::finished);
  store.end(SurfaceState::withdrawn);
  EXPECT_EQ(store.state(), SurfaceState::aborted);
  EXPECT_EQ(region->told, std::vector<std::string>{"state 3"});
}

TEST(SurfaceStore, KnowsTheSizeFromTheStartUnlessItIsPending) {
  const auto fixed = test::unpublished_store(manifest_of(size), pattern(size));
  EXPECT_EQ(fixed->final_size(), size);
  const auto region = std::make_shared<ListeningRegion>(3 * 4096);
  SurfaceStore store(growing_manifest(), region);
  EXPECT_EQ(store.final_size(), std::nullopt);
  store.set_final_size(5000);
  EXPECT_EQ(store.final_size(), 5000U);
  store.end(SurfaceState::finished);
  EXPECT_EQ(region->told, (std::vector<std::string>{"size 5000", "state 2"}));
}

TEST(SurfaceStore, ReadsAPendingSurfacesLastChunkAtFullLength) {
  const auto bytes = pattern(3 * 4096);
  const auto store = test::published_store(growing_manifest(), bytes);
  std::vector<std::byte> out(4096 + 16);
  ASSERT_EQ(store->read(ChunkIndex{2}, 0, out, ReadMode::may_block), ReadStatus::done);
  EXPECT_EQ(out, as_it_travels(store->manifest(), ChunkIndex{2}, bytes, 0));
}

TEST(SurfaceStore, UsesTheIndexThatItsRegionHas) {
  class IndexedRegion : public ListeningRegion {
   public:
    using ListeningRegion::ListeningRegion;
    RegionIndex index() override { return {.bitmap = {&word, 1}, .trailers = trailers}; }
    std::atomic<std::uint64_t> word{0};
    std::array<std::byte, 48> trailers{};
  };
  const auto region = std::make_shared<IndexedRegion>(size);
  SurfaceStore store(manifest_of(size), region);
  store.publish(ChunkIndex{2}, Tag{std::byte{7}});
  EXPECT_EQ(region->word, 4U);
  EXPECT_EQ(region->trailers[32], std::byte{7});
}

}  // namespace
}  // namespace rgtp::core
