// A pull's state where the surface grows, and where the transport brings all of it along at once.
#include <algorithm>

#include <gtest/gtest.h>

#include "core/pull_state.h"
#include "support/observers.h"
#include "support/pattern.h"
#include "support/surfaces.h"

namespace rgtp::core {
namespace {

constexpr std::uint32_t chunk_bytes = 4096;
constexpr std::uint32_t capacity_chunks = 8;
// Three full chunks and one of 100 bytes, of a capacity of eight.
constexpr std::uint64_t size = 3 * chunk_bytes + 100;

class GrowingPullStateTest : public testing::Test {
 protected:
  static Manifest growing_manifest() {
    Manifest manifest = test::manifest_of(capacity_chunks * chunk_bytes);
    manifest.size_pending = true;
    return manifest;
  }
  void start(const PullState::Options& options) {
    observer_.clear();
    state_.emplace(options, observer_);
    extent_ = state_->begin(source_->manifest()).value();
  }
  void adopt(std::initializer_list<std::uint32_t> chunks) {
    for (const std::uint32_t chunk : chunks) {
      const auto taken = state_->on_adopted(ChunkIndex{chunk});
      ASSERT_TRUE(taken) << taken.error().message();
      EXPECT_TRUE(*taken) << chunk;
    }
  }
  void expect_next(std::uint64_t offset, std::uint64_t length) {
    const auto view = state_->take_next();
    ASSERT_TRUE(view);
    EXPECT_EQ(view->offset(), offset);
    EXPECT_TRUE(std::ranges::equal(view->bytes(), std::span(bytes_).subspan(offset, length)));
  }
  void expect_final_size_fails(std::uint64_t final_size, Errc code) {
    const auto told = state_->on_final_size(final_size);
    ASSERT_FALSE(told) << final_size;
    EXPECT_EQ(told.error().code, code) << told.error().message();
  }
  static ChunkRange chunks(std::uint32_t first, std::uint32_t end) {
    return {ChunkIndex{first}, ChunkIndex{end}};
  }

  const std::vector<std::byte> bytes_ = test::pattern(capacity_chunks * chunk_bytes);
  const std::shared_ptr<SurfaceStore> source_ = test::published_store(growing_manifest(), bytes_);
  test::RecordingObserver observer_;
  std::optional<PullState> state_;
  PullExtent extent_;
};

TEST_F(GrowingPullStateTest, TheFinalSizeCutsOffWhatWillNotCome) {
  start({});
  state_->adopt(source_);
  EXPECT_EQ(state_->wanted(), chunks(0, 8));
  EXPECT_EQ(state_->progress().total, capacity_chunks * chunk_bytes);
  adopt({0, 1, 2});
  ASSERT_TRUE(state_->on_final_size(size));
  EXPECT_EQ(state_->wanted(), chunks(0, 4));
  EXPECT_EQ(state_->progress().total, size);
  EXPECT_FALSE(state_->complete());
  adopt({3});
  EXPECT_TRUE(state_->complete());
  EXPECT_EQ(state_->progress().bytes, size);
  EXPECT_TRUE(std::ranges::equal(state_->view_all()->bytes(), std::span(bytes_).first(size)));
  for (std::uint32_t chunk = 0; chunk < 3; ++chunk) expect_next(chunk * chunk_bytes, chunk_bytes);
  expect_next(3 * chunk_bytes, 100);
  EXPECT_TRUE(state_->exhausted());
}

TEST_F(GrowingPullStateTest, AFinalSizeTrimsAChunkThatIsThereAlready) {
  start({});
  state_->adopt(source_);
  adopt({3, 0});
  EXPECT_EQ(state_->progress().bytes, 2U * chunk_bytes);
  ASSERT_TRUE(state_->on_final_size(size));
  EXPECT_EQ(state_->progress().bytes, chunk_bytes + 100U);
  expect_next(3 * chunk_bytes, 100);
}

TEST_F(GrowingPullStateTest, MayBeToldTheFinalSizeBeforeItHasStorage) {
  for (const bool in_region : {true, false}) {
    start({});
    ASSERT_TRUE(state_->on_final_size(size));
    const PullExtent extent = *state_->extent();
    EXPECT_EQ(extent.range, (Range{0, size}));
    EXPECT_EQ(extent.chunks, chunks(0, 4));
    if (in_region) {
      state_->use(store_in_region(extent, HeapRegion::make(extent.range.length).value()));
      for (std::uint32_t chunk = 0; chunk < 4; ++chunk) {
        const auto placement = state_->place(ChunkIndex{chunk}).value();
        ASSERT_EQ(placement.bytes.size(), chunk_bytes);
        ASSERT_TRUE(source_->read(ChunkIndex{chunk}, 0, placement.bytes, ReadMode::may_block));
        std::ranges::copy(source_->trailer(ChunkIndex{chunk}), placement.trailer.begin());
        ASSERT_EQ(state_->on_chunk(ChunkIndex{chunk}), ChunkVerdict::good);
      }
    } else {
      state_->adopt(source_);
      adopt({0, 1, 2, 3});
    }
    EXPECT_FALSE(state_->place(ChunkIndex{4}));
    EXPECT_TRUE(state_->complete());
    EXPECT_TRUE(std::ranges::equal(state_->view_all()->bytes(), std::span(bytes_).first(size)));
  }
}

TEST_F(GrowingPullStateTest, MayTurnOutToBeEmpty) {
  start({});
  state_->adopt(source_);
  EXPECT_FALSE(state_->complete());
  ASSERT_TRUE(state_->on_final_size(0));
  EXPECT_TRUE(state_->complete());
  EXPECT_TRUE(state_->exhausted());
  EXPECT_EQ(state_->view_all()->size(), 0U);
}

TEST_F(GrowingPullStateTest, MayTurnOutToFillItsCapacity) {
  start({});
  state_->adopt(source_);
  ASSERT_TRUE(state_->on_final_size(capacity_chunks * chunk_bytes));
  adopt({0, 1, 2, 3, 4, 5, 6, 7});
  EXPECT_TRUE(state_->complete());
  EXPECT_TRUE(std::ranges::equal(state_->view_all()->bytes(), bytes_));
}

TEST_F(GrowingPullStateTest, TakesNoFinalSizeThatCannotBe) {
  start({});
  expect_final_size_fails(capacity_chunks * chunk_bytes + 1, Errc::malformed_data);
  expect_final_size_fails(whole, Errc::malformed_data);
  ASSERT_TRUE(state_->on_final_size(size));
  EXPECT_TRUE(state_->on_final_size(size));
  expect_final_size_fails(size - 1, Errc::malformed_data);
  expect_final_size_fails(size + 1, Errc::malformed_data);
  EXPECT_EQ(state_->extent()->range.length, size);
}

TEST_F(GrowingPullStateTest, OfASurfaceThatDoesNotGrowTheFinalSizeIsItsSize) {
  PullState state({}, observer_);
  ASSERT_TRUE(state.begin(test::manifest_of(size)));
  EXPECT_TRUE(state.on_final_size(size));
  EXPECT_EQ(state.on_final_size(size - 1).error().code, Errc::malformed_data);
}

TEST_F(GrowingPullStateTest, ARangePastTheFinalSizeIsOutOfRange) {
  for (const Range range : {Range{size + 1, whole}, Range{0, size + 1}, Range{3 * chunk_bytes, 101}}) {
    start({.range = range});
    expect_final_size_fails(size, Errc::out_of_range);
    start({.range = range});
    state_->adopt(source_);
    expect_final_size_fails(size, Errc::out_of_range);
  }
}

TEST_F(GrowingPullStateTest, ARangeIsWholeOnceItsBytesAreThere) {
  start({.range = {chunk_bytes + 1, chunk_bytes}});
  state_->adopt(source_);
  EXPECT_EQ(state_->wanted(), chunks(1, 3));
  adopt({1, 2});
  EXPECT_TRUE(state_->complete());
  ASSERT_TRUE(state_->on_final_size(size));
  EXPECT_TRUE(state_->complete());
  EXPECT_TRUE(std::ranges::equal(state_->view_all()->bytes(),
                                 std::span(bytes_).subspan(chunk_bytes + 1, chunk_bytes)));
}

TEST_F(GrowingPullStateTest, TheRestFromAnOffsetEndsWithTheSurface) {
  start({.range = {chunk_bytes + 1, whole}});
  state_->adopt(source_);
  adopt({3, 1, 2});
  ASSERT_TRUE(state_->on_final_size(size));
  EXPECT_TRUE(state_->complete());
  EXPECT_EQ(state_->progress().bytes, size - chunk_bytes - 1);
  EXPECT_EQ(state_->view_all()->size(), size - chunk_bytes - 1);
  start({.range = {size, whole}});
  state_->adopt(source_);
  ASSERT_TRUE(state_->on_final_size(size));
  EXPECT_TRUE(state_->complete());
  EXPECT_EQ(state_->view_all()->size(), 0U);
}

TEST_F(GrowingPullStateTest, ForgetsChunksThatCameFromBehindTheEnd) {
  start({});
  state_->adopt(source_);
  adopt({6, 1, 7});
  ASSERT_TRUE(state_->on_final_size(size));
  EXPECT_EQ(state_->progress().bytes, chunk_bytes);
  expect_next(chunk_bytes, chunk_bytes);
  EXPECT_FALSE(state_->take_next());
  EXPECT_FALSE(state_->on_adopted(ChunkIndex{5}).value());
}

TEST_F(GrowingPullStateTest, AnEndBeforeAChunkThatWasGivenOutIsMalformed) {
  for (const Order order : {Order::arrival, Order::content}) {
    start({.order = order});
    state_->adopt(source_);
    adopt({0, 1, 2});
    for (std::uint32_t chunk = 0; chunk < 3; ++chunk) expect_next(chunk * chunk_bytes, chunk_bytes);
    expect_final_size_fails(2 * chunk_bytes, Errc::malformed_data);
    ASSERT_TRUE(state_->on_final_size(2 * chunk_bytes + 1));
  }
  // Fewer than there are, but not of them.
  start({.order = Order::arrival});
  state_->adopt(source_);
  adopt({5, 7});
  expect_next(5 * chunk_bytes, chunk_bytes);
  expect_final_size_fails(size, Errc::malformed_data);
}

TEST_F(GrowingPullStateTest, AWindowEndsWithTheSurface) {
  start({.order = Order::content, .window_bytes = 3 * chunk_bytes});
  state_->use(store_in_window(extent_));
  EXPECT_EQ(state_->wanted(), chunks(0, 3));
  ASSERT_TRUE(state_->on_final_size(chunk_bytes + 1));
  EXPECT_EQ(state_->wanted(), chunks(0, 2));
}

TEST_F(GrowingPullStateTest, IsTooLargeOnceMoreIsThereThanIsAllowed) {
  start({.max_size = 2 * chunk_bytes});  // less than the capacity
  state_->adopt(source_);
  adopt({0, 1});
  EXPECT_TRUE(state_->check_size());
  adopt({2});
  EXPECT_EQ(state_->check_size().error().code, Errc::too_large);
}

TEST_F(GrowingPullStateTest, TakesAFinishedSurfaceWhole) {
  source_->set_final_size(size);
  source_->end(SurfaceState::finished);
  for (const Order order : {Order::arrival, Order::content}) {
    start({.order = order});
    ASSERT_TRUE(state_->adopt_whole(source_));
    EXPECT_TRUE(state_->complete());
    EXPECT_EQ(state_->progress().bytes, size);
    EXPECT_EQ(state_->progress().total, size);
    const auto all = state_->view_all().value();
    EXPECT_EQ(all.bytes().data(), source_->mapped().data());
    EXPECT_EQ(all.size(), size);
    for (std::uint32_t chunk = 0; chunk < 3; ++chunk) expect_next(chunk * chunk_bytes, chunk_bytes);
    expect_next(3 * chunk_bytes, 100);
    EXPECT_TRUE(state_->exhausted());
    EXPECT_FALSE(state_->take_next());
    ASSERT_EQ(observer_.events().size(), 1U);
    const auto adopted = observer_.all<event::SurfaceAdopted>();
    ASSERT_EQ(adopted.size(), 1U);
    EXPECT_EQ(adopted[0].chunks, 4U);
    EXPECT_EQ(adopted[0].bytes, size);
  }
}

TEST_F(GrowingPullStateTest, TakesARangeOfAFinishedSurfaceWhole) {
  source_->set_final_size(size);
  source_->end(SurfaceState::finished);
  start({.range = {4000, 5000}});
  ASSERT_TRUE(state_->adopt_whole(source_));
  expect_next(4000, 96);
  expect_next(4096, 4096);
  expect_next(8192, 808);
  EXPECT_TRUE(state_->exhausted());
  start({.range = {4000, size}});
  EXPECT_EQ(state_->adopt_whole(source_).error().code, Errc::out_of_range);
}

TEST_F(GrowingPullStateTest, HashesWhatItAdoptsWhereThatIsAskedFor) {
  start({.verify = Verify::always});
  state_->adopt(source_);
  adopt({0, 2});
  EXPECT_EQ(observer_.count<event::ChunkVerified>(), 2U);
  EXPECT_EQ(observer_.count<event::ChunkAdopted>(), 0U);

  // Changed behind the exposer's back.
  source_->region().writable()[chunk_bytes + 17] ^= std::byte{1};
  const auto changed = state_->on_adopted(ChunkIndex{1});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, Errc::corrupted);
  EXPECT_NE(changed.error().message().find("chunk 1 "), std::string::npos) << changed.error().message();
  EXPECT_EQ(observer_.count<event::ChunkRejected>(), 1U);
  EXPECT_EQ(state_->progress().bytes, 2U * chunk_bytes);

  start({});
  state_->adopt(source_);
  adopt({1});  // the kernel says who could write it
  EXPECT_EQ(observer_.count<event::ChunkVerified>(), 0U);
}

}  // namespace
}  // namespace rgtp::core
