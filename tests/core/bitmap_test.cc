#include "core/bitmap.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace rgtp::core {
namespace {

constexpr std::uint32_t sizes[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 1000};

// What a bitmap is, without words.
class NaiveBitmap {
 public:
  explicit NaiveBitmap(std::uint32_t bits) : bits_(bits, false) {}

  bool set(std::uint32_t bit) {
    const bool fresh = !bits_[bit];
    bits_[bit] = true;
    return fresh;
  }
  bool test(std::uint32_t bit) const { return bits_[bit]; }
  std::uint64_t word(std::uint32_t index) const {
    std::uint64_t word = 0;
    for (std::uint32_t bit = 0; bit < 64 && index * 64 + bit < bits_.size(); ++bit)
      if (bits_[index * 64 + bit]) word |= std::uint64_t{1} << bit;
    return word;
  }
  std::uint32_t count() const {
    std::uint32_t set = 0;
    for (const bool bit : bits_) set += bit ? 1 : 0;
    return set;
  }
  std::optional<std::uint32_t> next(bool value, std::uint32_t from, std::uint32_t end) const {
    for (std::uint32_t bit = from; bit < end && bit < bits_.size(); ++bit)
      if (bits_[bit] == value) return bit;
    return std::nullopt;
  }

 private:
  std::vector<bool> bits_;
};

void expect_same(const ChunkBitmap& bitmap, const NaiveBitmap& naive, std::mt19937_64& random) {
  ASSERT_EQ(bitmap.count(), naive.count());
  for (std::uint32_t bit = 0; bit < bitmap.size(); ++bit) ASSERT_EQ(bitmap.test(bit), naive.test(bit)) << bit;
  for (std::uint32_t word = 0; word < bitmap_words(bitmap.size()); ++word)
    ASSERT_EQ(bitmap.word(word), naive.word(word)) << word;
  // Ranges also begin and end behind the last bit, and turned round.
  std::uniform_int_distribution<std::uint32_t> place(0, bitmap.size() + 70);
  for (int i = 0; i < 50; ++i) {
    const std::uint32_t from = place(random);
    const std::uint32_t end = place(random);
    ASSERT_EQ(bitmap.next_clear(from, end), naive.next(false, from, end)) << from << " to " << end;
    ASSERT_EQ(bitmap.next_set(from, end), naive.next(true, from, end)) << from << " to " << end;
  }
}

TEST(ChunkBitmap, StartsWithEveryBitClear) {
  for (const std::uint32_t size : sizes) {
    const ChunkBitmap bitmap(size);
    EXPECT_EQ(bitmap.size(), size);
    EXPECT_EQ(bitmap.count(), 0U);
    EXPECT_EQ(bitmap.next_set(0, size), std::nullopt);
    EXPECT_EQ(bitmap.next_clear(0, size), size == 0 ? std::nullopt : std::optional(0U));
  }
}

TEST(ChunkBitmap, SaysWhetherABitWasSetAlready) {
  ChunkBitmap bitmap(65);
  EXPECT_TRUE(bitmap.set(64));
  EXPECT_FALSE(bitmap.set(64));
  EXPECT_TRUE(bitmap.set(0));
  EXPECT_EQ(bitmap.count(), 2U);
}

TEST(ChunkBitmap, FindsTheFirstGapAcrossWords) {
  ChunkBitmap bitmap(200);
  for (std::uint32_t bit = 0; bit < 130; ++bit) bitmap.set(bit);
  EXPECT_EQ(bitmap.next_clear(0, 200), 130U);
  EXPECT_EQ(bitmap.next_clear(0, 131), 130U);
  EXPECT_EQ(bitmap.next_clear(0, 130), std::nullopt);
  EXPECT_EQ(bitmap.next_clear(150, 200), 150U);
}

TEST(ChunkBitmap, FindsNothingBehindTheEndOfARange) {
  ChunkBitmap bitmap(129);
  bitmap.set(128);
  EXPECT_EQ(bitmap.next_set(0, 128), std::nullopt);
  EXPECT_EQ(bitmap.next_set(0, 129), 128U);
  EXPECT_EQ(bitmap.next_set(128, 129), 128U);
  EXPECT_EQ(bitmap.next_set(129, 129), std::nullopt);
}

TEST(ChunkBitmap, DoesNotTakeTheRestOfTheLastWordForGaps) {
  for (const std::uint32_t size : sizes) {
    ChunkBitmap bitmap(size);
    for (std::uint32_t bit = 0; bit < size; ++bit) bitmap.set(bit);
    EXPECT_EQ(bitmap.count(), size);
    EXPECT_EQ(bitmap.next_clear(0, size), std::nullopt);
    EXPECT_EQ(bitmap.next_clear(0, size + 64), std::nullopt);
  }
}

TEST(ChunkBitmap, BehavesAsAVectorOfBools) {
  std::mt19937_64 random(20240611);
  for (const std::uint32_t size : sizes) {
    for (int round = 0; round < 5; ++round) {
      SCOPED_TRACE(testing::Message() << "size " << size << ", round " << round);
      ChunkBitmap bitmap(size);
      NaiveBitmap naive(size);
      expect_same(bitmap, naive, random);
      for (std::uint32_t step = 0; size > 0 && step < 2 * size && !testing::Test::HasFatalFailure(); ++step) {
        const std::uint32_t bit = std::uniform_int_distribution<std::uint32_t>(0, size - 1)(random);
        ASSERT_EQ(bitmap.set(bit), naive.set(bit));
        // Looking is quadratic: look at large ones from time to time only.
        if (size < 130 || step % 100 == 0) expect_same(bitmap, naive, random);
      }
    }
  }
}

TEST(ChunkBitmap, WorksInWordsThatLiveElsewhere) {
  std::vector<BitmapWord> words(bitmap_words(129));
  ChunkBitmap writer(words, 129);
  const ChunkBitmap reader(words, 129);
  writer.set(3);
  writer.set(128);
  EXPECT_TRUE(reader.test(3));
  EXPECT_EQ(reader.next_set(4, 129), 128U);
  EXPECT_EQ(words[0].load(), 8U);
  EXPECT_EQ(words[1].load(), 0U);
  EXPECT_EQ(words[2].load(), 1U);
}

TEST(ChunkBitmap, SaysNothingOfBitsBehindTheLastThatOthersSet) {
  std::vector<BitmapWord> words(2);
  const ChunkBitmap bitmap(words, 70);
  words[1] = ~std::uint64_t{0};
  EXPECT_EQ(bitmap.word(0), 0U);
  EXPECT_EQ(bitmap.word(1), 0x3fU);
}

TEST(ChunkBitmap, NeedsAWordForEverySixtyFourBits) {
  EXPECT_EQ(bitmap_words(0), 0U);
  EXPECT_EQ(bitmap_words(1), 1U);
  EXPECT_EQ(bitmap_words(64), 1U);
  EXPECT_EQ(bitmap_words(65), 2U);
  EXPECT_EQ(bitmap_words(0xffffffff), std::size_t{1} << 26);
}

}  // namespace
}  // namespace rgtp::core
