// A pull's state that is fed from a store in memory.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "core/heap_region.h"
#include "core/pull_state.h"
#include "core/surface_store.h"
#include "support/observers.h"
#include "support/pattern.h"
#include "support/surfaces.h"

namespace rgtp::core {

// Of three full chunks and one of 100 bytes. Who derives from it makes the store.
class PullStateFixture : public testing::Test {
 protected:
  static constexpr std::uint64_t size = 3 * 4096 + 100;

  void start(const PullState::Options& options) {
    observer_.clear();
    state_.emplace(options, observer_);
    extent_ = state_->begin(source_->manifest()).value();
  }
  void use_region() {
    region_ = HeapRegion::make(extent_.range.length).value();
    state_->use(store_in_region(extent_, region_));
  }
  void use_window() { state_->use(store_in_window(extent_)); }

  void fill(const Placement& placement, std::uint32_t chunk) const {
    const ChunkIndex index{chunk};
    ASSERT_EQ(source_->read(index, 0, placement.bytes, ReadMode::may_block), ReadStatus::done);
    std::ranges::copy(source_->trailer(index), placement.trailer.begin());
  }
  void receive(std::uint32_t chunk) {
    const auto placement = state_->place(ChunkIndex{chunk});
    ASSERT_TRUE(placement) << chunk;
    fill(*placement, chunk);
    ASSERT_EQ(state_->on_chunk(ChunkIndex{chunk}), ChunkVerdict::good);
  }
  void expect_next(std::uint64_t offset, std::uint64_t length) {
    const auto view = state_->take_next();
    ASSERT_TRUE(view);
    EXPECT_EQ(view->offset(), offset);
    EXPECT_TRUE(std::ranges::equal(view->bytes(), std::span(bytes_).subspan(offset, length)));
  }

  const std::vector<std::byte> bytes_ = test::pattern(size);
  std::shared_ptr<SurfaceStore> source_;
  test::RecordingObserver observer_;
  std::optional<PullState> state_;
  PullExtent extent_;
  std::shared_ptr<HeapRegion> region_;
};

}  // namespace rgtp::core
