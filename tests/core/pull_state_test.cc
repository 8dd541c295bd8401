#include "core/pull_state.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "core/pull_state_fixture.h"

namespace rgtp::core {
namespace {

class PullStateTest : public PullStateFixture {
 protected:
  PullStateTest() { source_ = test::published_store(test::manifest_of(size), bytes_); }

  static ChunkRange chunks(std::uint32_t first, std::uint32_t end) {
    return {ChunkIndex{first}, ChunkIndex{end}};
  }
};

TEST_F(PullStateTest, WantsNothingBeforeItHasStorage) {
  start({});
  EXPECT_FALSE(state_->begun());
  EXPECT_FALSE(state_->complete());
  EXPECT_FALSE(state_->exhausted());
  EXPECT_EQ(state_->wanted().size(), 0U);
  EXPECT_FALSE(state_->place(ChunkIndex{0}));
  EXPECT_FALSE(state_->take_next());
  EXPECT_EQ(state_->progress().total, 0U);
}

TEST_F(PullStateTest, GivesChunksAsTheyComeUnderArrivalOrder) {
  start({});
  use_region();
  EXPECT_EQ(state_->wanted(), chunks(0, 4));
  receive(3);
  receive(1);
  expect_next(3 * 4096, 100);
  expect_next(4096, 4096);
  EXPECT_FALSE(state_->take_next());
  EXPECT_FALSE(state_->exhausted());
  receive(0);
  receive(2);
  EXPECT_TRUE(state_->complete());
  expect_next(0, 4096);
  EXPECT_FALSE(state_->exhausted());
  expect_next(2 * 4096, 4096);
  EXPECT_TRUE(state_->exhausted());
  EXPECT_FALSE(state_->take_next());
}

TEST_F(PullStateTest, WaitsForTheNextChunkUnderContentOrder) {
  start({.order = Order::content});
  use_region();
  receive(1);
  EXPECT_FALSE(state_->take_next());
  receive(0);
  expect_next(0, 4096);
  expect_next(4096, 4096);
  EXPECT_FALSE(state_->take_next());
}

TEST_F(PullStateTest, AsksAgainForAChunkThatDoesNotVerify) {
  start({});
  use_region();
  const auto placement = state_->place(ChunkIndex{1}).value();
  fill(placement, 1);
  placement.bytes[4095] ^= std::byte{1};
  EXPECT_EQ(state_->on_chunk(ChunkIndex{1}), ChunkVerdict::again);
  EXPECT_EQ(state_->progress().bytes, 0U);
  EXPECT_FALSE(state_->take_next());
  EXPECT_EQ(observer_.count<event::ChunkRejected>(), 1U);

  // The same place, so that only what is wrong need be sent again.
  const auto same = state_->place(ChunkIndex{1}).value();
  EXPECT_EQ(same.bytes.data(), placement.bytes.data());
  EXPECT_EQ(same.trailer.data(), placement.trailer.data());
  placement.bytes[4095] ^= std::byte{1};
  placement.trailer[0] ^= std::byte{0x80};
  EXPECT_EQ(state_->on_chunk(ChunkIndex{1}), ChunkVerdict::again);
  placement.trailer[0] ^= std::byte{0x80};
  EXPECT_EQ(state_->on_chunk(ChunkIndex{1}), ChunkVerdict::good);
  EXPECT_EQ(state_->progress().bytes, 4096U);
  EXPECT_EQ(observer_.count<event::ChunkRejected>(), 2U);
  EXPECT_EQ(observer_.count<event::ChunkVerified>(), 1U);
}

TEST_F(PullStateTest, TakesNoChunkInAnothersPlace) {
  start({});
  use_region();
  fill(state_->place(ChunkIndex{0}).value(), 1);
  EXPECT_EQ(state_->on_chunk(ChunkIndex{0}), ChunkVerdict::again);
}

TEST_F(PullStateTest, TakesEachChunkOnce) {
  start({});
  use_region();
  receive(2);
  EXPECT_FALSE(state_->place(ChunkIndex{2}));
  EXPECT_EQ(state_->on_chunk(ChunkIndex{2}), ChunkVerdict::good);
  EXPECT_EQ(state_->progress().bytes, 4096U);
  expect_next(2 * 4096, 4096);
  EXPECT_EQ(state_->on_chunk(ChunkIndex{2}), ChunkVerdict::good);
  EXPECT_FALSE(state_->take_next());
  EXPECT_EQ(observer_.events().size(), 1U);
}

TEST_F(PullStateTest, ClipsTheChunksAtTheEndsOfARange) {
  start({.range = {4000, 5000}, .order = Order::content});
  use_region();
  EXPECT_EQ(state_->wanted(), chunks(0, 3));
  for (const std::uint32_t chunk : {2U, 0U, 1U}) receive(chunk);
  EXPECT_FALSE(state_->place(ChunkIndex{3}));
  EXPECT_TRUE(state_->complete());
  expect_next(4000, 96);
  expect_next(4096, 4096);
  expect_next(8192, 808);
  EXPECT_TRUE(state_->exhausted());
  const auto view = state_->view_all().value();
  EXPECT_EQ(view.offset(), 4000U);
  EXPECT_EQ(view.bytes().data(), region_->mapped().data());
  EXPECT_TRUE(std::ranges::equal(view.bytes(), std::span(bytes_).subspan(4000, 5000)));
}

TEST_F(PullStateTest, CountsOnlyBytesOfTheRange) {
  start({.range = {4000, 5000}});
  use_region();
  EXPECT_EQ(state_->progress().total, 5000U);
  receive(0);
  EXPECT_EQ(state_->progress().bytes, 96U);
  receive(2);
  EXPECT_EQ(state_->progress().bytes, 96U + 808U);
  const auto verified = observer_.all<event::ChunkVerified>();
  ASSERT_EQ(verified.size(), 2U);
  EXPECT_EQ(verified[0].bytes, 96U);
  EXPECT_EQ(verified[1].bytes, 808U);
}

TEST_F(PullStateTest, IsCompleteAtOnceWhereNothingIsPulled) {
  start({.range = {5000, 0}});
  use_region();
  EXPECT_TRUE(state_->complete());
  EXPECT_TRUE(state_->exhausted());
  EXPECT_EQ(state_->wanted().size(), 0U);
  EXPECT_FALSE(state_->place(ChunkIndex{1}));
  EXPECT_EQ(state_->view_all()->size(), 0U);
}

TEST_F(PullStateTest, IsCompleteAtOnceWhereTheSurfaceIsEmpty) {
  for (const Order order : {Order::arrival, Order::content}) {
    PullState state({.order = order, .window_bytes = order == Order::content ? 1 : whole}, observer_);
    const auto extent = state.begin(test::manifest_of(0)).value();
    state.use(store_in_window(extent));
    EXPECT_TRUE(state.complete());
    EXPECT_TRUE(state.exhausted());
    EXPECT_EQ(state.wanted().size(), 0U);
    EXPECT_FALSE(state.take_next());
  }
}

TEST_F(PullStateTest, MovesTheWindowWithTheConsumer) {
  start({.order = Order::content, .window_bytes = 2 * 4096});
  use_window();
  EXPECT_EQ(state_->wanted(), chunks(0, 2));
  EXPECT_FALSE(state_->place(ChunkIndex{2}));
  receive(1);
  EXPECT_EQ(state_->wanted(), chunks(0, 2));
  receive(0);
  EXPECT_EQ(state_->wanted(), chunks(0, 2));
  expect_next(0, 4096);
  EXPECT_EQ(state_->wanted(), chunks(1, 3));
  EXPECT_FALSE(state_->place(ChunkIndex{0}));
  expect_next(4096, 4096);
  EXPECT_EQ(state_->wanted(), chunks(2, 4));
  receive(2);
  expect_next(2 * 4096, 4096);
  EXPECT_EQ(state_->wanted(), chunks(3, 4));
  receive(3);
  EXPECT_TRUE(state_->complete());
  expect_next(3 * 4096, 100);
  EXPECT_EQ(state_->wanted().size(), 0U);
  EXPECT_FALSE(state_->view_all());
}

TEST_F(PullStateTest, HasAWindowOfTwoChunksAtLeast) {
  for (const std::uint64_t window : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3 * 4096 - 1}}) {
    start({.order = Order::content, .window_bytes = window});
    use_window();
    EXPECT_EQ(state_->wanted(), chunks(0, 2)) << window;
  }
  start({.order = Order::content, .window_bytes = 3 * 4096});
  use_window();
  EXPECT_EQ(state_->wanted(), chunks(0, 3));
}

TEST_F(PullStateTest, KeepsTheViewsOfAWindowAfterTheWindowIsGone) {
  std::vector<View> views;
  start({.order = Order::content, .window_bytes = 1});
  use_window();
  for (std::uint32_t chunk = 0; chunk < 4; ++chunk) {
    receive(chunk);
    views.push_back(state_->take_next().value());
  }
  state_.reset();
  for (const View& view : views)
    EXPECT_TRUE(std::ranges::equal(view.bytes(), std::span(bytes_).subspan(view.offset(), view.size())));
}

TEST_F(PullStateTest, ShowsAnAdoptedStoreWithoutCopyingIt) {
  start({.range = {100, 9000}});
  state_->use(store_adopted(extent_, source_));
  EXPECT_FALSE(state_->place(ChunkIndex{0}));
  (void)state_->on_adopted(ChunkIndex{1});
  (void)state_->on_adopted(ChunkIndex{1});
  (void)state_->on_adopted(ChunkIndex{3});  // not in the range
  EXPECT_EQ(state_->progress().bytes, 4096U);
  const auto view = state_->take_next().value();
  EXPECT_EQ(view.bytes().data(), source_->mapped().data() + 4096);
  EXPECT_FALSE(state_->take_next());
  (void)state_->on_adopted(ChunkIndex{0});
  (void)state_->on_adopted(ChunkIndex{2});
  EXPECT_TRUE(state_->complete());
  EXPECT_EQ(state_->view_all()->bytes().data(), source_->mapped().data() + 100);
  EXPECT_EQ(state_->view_all()->size(), 9000U);
  EXPECT_EQ(observer_.count<event::ChunkVerified>(), 0U);
  const auto adopted = observer_.all<event::ChunkAdopted>();
  ASSERT_EQ(adopted.size(), 3U);
  EXPECT_EQ(adopted[1].bytes, 3996U);
  EXPECT_EQ(adopted[2].bytes, 908U);
}

TEST_F(PullStateTest, RefusesWhatItCannotPull) {
  const auto refusal = [&](const PullState::Options& options, const Manifest& manifest) {
    PullState state(options, observer_);
    const auto extent = state.begin(manifest);
    EXPECT_FALSE(extent);
    EXPECT_FALSE(state.extent());
    return extent ? Errc{} : extent.error().code;
  };
  const Manifest good = test::manifest_of(size);
  EXPECT_EQ(refusal({.range = {size + 1, 0}}, good), Errc::out_of_range);
  EXPECT_EQ(refusal({.range = {1, size}}, good), Errc::out_of_range);
  EXPECT_EQ(refusal({.max_size = size - 1}, good), Errc::too_large);
  Manifest wrong = good;
  wrong.chunk_bytes = 5000;
  EXPECT_EQ(refusal({}, wrong), Errc::invalid_argument);
  wrong = good;
  wrong.trailer_bytes += 16;
  EXPECT_EQ(refusal({}, wrong), Errc::malformed_data);
  wrong = good;
  wrong.protection = Protection::sealed;
  wrong.suite = CipherSuite::aes_256_gcm;
  EXPECT_EQ(refusal({}, wrong), Errc::wrong_key);
}

TEST_F(PullStateTest, HoldsExactlyTheLargestSizeThatIsAllowed) {
  start({.max_size = size});
  EXPECT_EQ(extent_.range, (Range{0, size}));
  start({.range = {10, 20}, .max_size = 20});
  EXPECT_EQ(extent_.range, (Range{10, 20}));
}

// Remembers what it was told that the consumer may drop.
class ForgettingStorage : public PullStorage {
 public:
  ForgettingStorage(PullExtent extent, std::vector<std::uint32_t>& forgotten)
      : PullStorage(std::move(extent)), forgotten_(forgotten) {}
  std::optional<Placement> place(ChunkIndex /*chunk*/) override { return std::nullopt; }
  Result<void> keep(ChunkIndex /*chunk*/) override { return {}; }
  View view(ChunkIndex /*chunk*/) override { return {{}, 0, nullptr}; }
  void handed_out(ChunkIndex chunk) override { forgotten_.push_back(chunk.value); }
  std::optional<View> view_all() override { return std::nullopt; }

 private:
  std::vector<std::uint32_t>& forgotten_;
};

TEST_F(PullStateTest, TellsItsStorageWhatItMayForget) {
  std::vector<std::uint32_t> forgotten;
  start({.order = Order::content});
  state_->use(std::make_unique<ForgettingStorage>(extent_, forgotten));
  for (const std::uint32_t chunk : {2U, 0U, 1U}) (void)state_->on_adopted(ChunkIndex{chunk});
  EXPECT_TRUE(forgotten.empty());
  while (state_->take_next()) {
  }
  EXPECT_EQ(forgotten, (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST_F(PullStateTest, KeepsNoBufferInAWindowThatWasHandedOut) {
  start({});
  const auto storage = store_in_window(extent_);
  const auto placement = storage->place(ChunkIndex{1}).value();
  const View held = storage->view(ChunkIndex{1});
  EXPECT_EQ(storage->place(ChunkIndex{1})->bytes.data(), placement.bytes.data());
  storage->handed_out(ChunkIndex{1});
  // The view still holds the old one, so a buffer at another address is a new one.
  EXPECT_NE(storage->place(ChunkIndex{1})->bytes.data(), placement.bytes.data());
}

// A region that is memory for reading alone, as a file is that is written by calls.
class WrittenRegion : public Region {
 public:
  explicit WrittenRegion(std::size_t bytes) : memory_(bytes) {}
  std::uint64_t size() const override { return memory_.size(); }
  Result<ReadStatus> read(std::uint64_t, std::span<std::byte>, ReadMode) const override {
    return ReadStatus::done;
  }
  Result<void> write(std::uint64_t offset, std::span<const std::byte> in) override {
    std::ranges::copy(in, memory_.begin() + static_cast<std::ptrdiff_t>(offset));
    ++writes_;
    return {};
  }
  std::span<const std::byte> mapped() const override { return memory_; }
  std::span<std::byte> writable() override { return {}; }
  int writes() const { return writes_; }

 private:
  std::vector<std::byte> memory_;
  int writes_ = 0;
};

TEST_F(PullStateTest, WritesVerifiedChunksToARegionThatIsNotWritableMemory) {
  start({});
  const auto region = std::make_shared<WrittenRegion>(size);
  state_->use(store_in_region(extent_, region));
  auto placement = state_->place(ChunkIndex{1});
  fill(*placement, 1);
  placement->bytes[0] ^= std::byte{1};
  ASSERT_EQ(state_->on_chunk(ChunkIndex{1}), ChunkVerdict::again);
  EXPECT_EQ(region->writes(), 0);
  for (const std::uint32_t chunk : {1U, 3U, 0U, 2U}) receive(chunk);
  EXPECT_EQ(region->writes(), 4);
  EXPECT_TRUE(state_->complete());
  EXPECT_TRUE(std::ranges::equal(state_->view_all()->bytes(), bytes_));
}

// A region whose disk is full as soon as something is written to it.
class FullRegion : public Region {
 public:
  explicit FullRegion(std::size_t bytes) : memory_(bytes) {}
  std::uint64_t size() const override { return memory_.size(); }
  Result<ReadStatus> read(std::uint64_t, std::span<std::byte>, ReadMode) const override {
    return ReadStatus::done;
  }
  Result<void> write(std::uint64_t, std::span<const std::byte>) override {
    return fail(Errc::no_space, "the disk is full");
  }
  std::span<const std::byte> mapped() const override { return memory_; }
  std::span<std::byte> writable() override { return memory_; }

 private:
  std::vector<std::byte> memory_;
};

TEST_F(PullStateTest, HandsOnTheErrorOfItsRegionAndCountsNothing) {
  start({.range = {1, 5000}});
  state_->use(store_in_region(extent_, std::make_shared<FullRegion>(5000)));
  fill(state_->place(ChunkIndex{0}).value(), 0);
  const auto verdict = state_->on_chunk(ChunkIndex{0});
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, Errc::no_space);
  EXPECT_EQ(state_->progress().bytes, 0U);
  EXPECT_FALSE(state_->take_next());
  EXPECT_EQ(observer_.count<event::ChunkVerified>(), 0U);
}

}  // namespace
}  // namespace rgtp::core
