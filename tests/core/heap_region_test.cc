#include "core/heap_region.h"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "support/pattern.h"

namespace rgtp::core {
namespace {

using test::pattern;

TEST(HeapRegion, ReadsBackWhatWasWritten) {
  const auto region = HeapRegion::make(1000).value();
  const auto bytes = pattern(1000);
  ASSERT_EQ(region->size(), 1000U);
  ASSERT_TRUE(region->write(0, std::span(bytes).first(300)));
  ASSERT_TRUE(region->write(300, std::span(bytes).subspan(300)));
  std::vector<std::byte> out(400);
  for (const ReadMode mode : {ReadMode::may_block, ReadMode::cached_only}) {
    ASSERT_EQ(region->read(250, out, mode), ReadStatus::done);
    EXPECT_TRUE(std::ranges::equal(out, std::span(bytes).subspan(250, 400)));
  }
  EXPECT_TRUE(region->check_unchanged(ReadMode::may_block));
}

TEST(HeapRegion, ShowsTheSameBytesForReadingAndForWriting) {
  const auto region = HeapRegion::make(64).value();
  ASSERT_EQ(region->writable().size(), 64U);
  test::fill_pattern(region->writable(), 0);
  EXPECT_EQ(region->mapped().data(), region->writable().data());
  EXPECT_TRUE(std::ranges::equal(region->mapped(), pattern(64)));
}

TEST(HeapRegion, MayBeEmpty) {
  const auto region = HeapRegion::make(0).value();
  EXPECT_EQ(region->size(), 0U);
  EXPECT_TRUE(region->mapped().empty());
  EXPECT_TRUE(region->write(0, {}));
  EXPECT_EQ(region->read(0, {}, ReadMode::may_block), ReadStatus::done);
}

TEST(HeapRegion, WritesToItsEnd) {
  const auto region = HeapRegion::make(10).value();
  const auto bytes = pattern(3);
  ASSERT_TRUE(region->write(7, bytes));
  ASSERT_TRUE(region->write(10, {}));
  std::vector<std::byte> out(3);
  ASSERT_EQ(region->read(7, out, ReadMode::may_block), ReadStatus::done);
  EXPECT_EQ(out, bytes);
}

TEST(HeapRegion, SaysWhatToDoWhereThereIsNotThatMuchMemory) {
  // More than an address can name; what lies below is the allocator's business.
  for (const auto& region : {HeapRegion::make(std::numeric_limits<std::uint64_t>::max()),
                             HeapRegion::make_sparse(std::numeric_limits<std::uint64_t>::max())}) {
    ASSERT_FALSE(region);
    EXPECT_EQ(region.error().code, Errc::no_space);
    EXPECT_NE(region.error().message().find("pull a range"), std::string::npos);
  }
}

TEST(HeapRegion, ACapacityBeyondAllMemoryTakesWhatIsWritten) {
  constexpr std::uint64_t capacity = std::uint64_t{1} << 44;
  const auto region = HeapRegion::make_sparse(capacity);
  ASSERT_TRUE(region) << region.error().message();
  EXPECT_EQ((*region)->size(), capacity);
  const auto bytes = pattern(5000);
  ASSERT_TRUE((*region)->write(capacity - 5000, bytes));
  std::vector<std::byte> out(5001);
  ASSERT_EQ((*region)->read(capacity - 5001, out, ReadMode::may_block), ReadStatus::done);
  EXPECT_EQ(out[0], std::byte{0});
  EXPECT_TRUE(std::ranges::equal(std::span(out).subspan(1), bytes));
  EXPECT_EQ(HeapRegion::make_sparse(0).value()->size(), 0U);
}

}  // namespace
}  // namespace rgtp::core
