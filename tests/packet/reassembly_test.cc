#include "packet/reassembly.h"

#include <random>

#include <gtest/gtest.h>

#include "support/datagrams.h"
#include "support/pattern.h"

namespace rgtp::packet {
namespace {

using Outcome = Reassembly::Outcome;

// A chunk and its trailer, to be received in slices, between bytes that nobody may touch.
class Target {
 public:
  Target(std::size_t bytes, std::size_t trailer, std::uint16_t slice_bytes, std::uint64_t seed = 1)
      : bytes_(bytes + 2, guard),
        trailer_(trailer + 2, guard),
        slice_bytes_(slice_bytes),
        slices_(static_cast<std::uint32_t>((bytes + trailer + slice_bytes - 1) / slice_bytes)),
        stored_(test::pattern(bytes + trailer, seed)) {
    stored_.resize(std::size_t{slices_} * slice_bytes);
  }

  Placement placement() {
    return {std::span(bytes_).subspan(1, bytes_.size() - 2),
            std::span(trailer_).subspan(1, trailer_.size() - 2)};
  }
  std::uint32_t slices() const { return slices_; }
  std::uint16_t slice_bytes() const { return slice_bytes_; }
  std::span<const std::byte> payload(std::uint32_t slice) const {
    return std::span(stored_).subspan(std::size_t{slice} * slice_bytes_, slice_bytes_);
  }
  bool is_right() const {
    return std::equal(bytes_.begin() + 1, bytes_.end() - 1, stored_.begin()) &&
           std::equal(trailer_.begin() + 1, trailer_.end() - 1,
                      stored_.begin() + static_cast<std::ptrdiff_t>(bytes_.size()) - 2);
  }
  bool is_untouched_around() const {
    return bytes_.front() == guard && bytes_.back() == guard && trailer_.front() == guard &&
           trailer_.back() == guard;
  }

 private:
  static constexpr std::byte guard{0xee};
  std::vector<std::byte> bytes_;
  std::vector<std::byte> trailer_;
  const std::uint16_t slice_bytes_;
  const std::uint32_t slices_;
  std::vector<std::byte> stored_;
};

constexpr ChunkIndex chunk{7};

SliceId slice_number(std::uint32_t number) { return {chunk, static_cast<std::uint16_t>(number)}; }

void begin(Reassembly& reassembly, Target& target) {
  reassembly.begin(chunk, target.placement(), target.slices(), target.slice_bytes());
}

TEST(Reassembly, PutsSlicesInTheirPlace) {
  Target target(4096, 16, 1371);
  Reassembly reassembly;
  begin(reassembly, target);
  ASSERT_EQ(target.slices(), 3U);
  EXPECT_EQ(reassembly.receive(slice_number(1), target.payload(1)), Outcome::placed);
  EXPECT_EQ(reassembly.receive(slice_number(0), target.payload(0)), Outcome::placed);
  EXPECT_EQ(reassembly.receive(slice_number(2), target.payload(2)), Outcome::chunk_filled);
  EXPECT_TRUE(target.is_right());
  EXPECT_TRUE(target.is_untouched_around());
}

TEST(Reassembly, IgnoresADuplicateSlice) {
  Target target(4096, 16, 1371);
  Reassembly reassembly;
  begin(reassembly, target);
  reassembly.receive(slice_number(0), target.payload(0));
  const auto other = test::pattern(1371, 99);
  EXPECT_EQ(reassembly.receive(slice_number(0), other), Outcome::duplicate);
  reassembly.receive(slice_number(1), target.payload(1));
  EXPECT_EQ(reassembly.receive(slice_number(1), other), Outcome::duplicate);
  EXPECT_EQ(reassembly.receive(slice_number(2), target.payload(2)), Outcome::chunk_filled);
  EXPECT_EQ(reassembly.receive(slice_number(2), other), Outcome::duplicate);
  EXPECT_TRUE(target.is_right());
}

TEST(Reassembly, TakesNoSliceThatThereIsNot) {
  Target target(4096, 16, 1371);
  Reassembly reassembly;
  EXPECT_EQ(reassembly.receive(slice_number(0), target.payload(0)), Outcome::not_begun);
  begin(reassembly, target);
  EXPECT_EQ(reassembly.receive(slice_number(3), target.payload(0)), Outcome::not_begun);
  EXPECT_EQ(reassembly.receive(slice_number(65535), target.payload(0)), Outcome::not_begun);
  EXPECT_EQ(reassembly.receive({ChunkIndex{8}, 0}, target.payload(0)), Outcome::not_begun);
  EXPECT_EQ(reassembly.receive(slice_number(0), target.payload(0).first(1370)), Outcome::not_begun);
  EXPECT_EQ(reassembly.receive(slice_number(0), test::pattern(1372)), Outcome::not_begun);
  EXPECT_EQ(reassembly.missing_of(chunk).size(), 3U);
}

TEST(Reassembly, KnowsNothingOfAChunkThatIsFinished) {
  Target target(4096, 16, 1371);
  Reassembly reassembly;
  begin(reassembly, target);
  EXPECT_TRUE(reassembly.is_missing(slice_number(0)));
  reassembly.finish(chunk);
  EXPECT_FALSE(reassembly.is_missing(slice_number(0)));
  EXPECT_EQ(reassembly.receive(slice_number(0), target.payload(0)), Outcome::not_begun);
}

TEST(Reassembly, TellsWhatIsMissing) {
  Target target(4096, 16, 1371);
  Reassembly reassembly;
  EXPECT_FALSE(reassembly.is_missing(slice_number(0)));
  begin(reassembly, target);
  EXPECT_TRUE(reassembly.is_missing(slice_number(0)));
  EXPECT_FALSE(reassembly.is_missing(slice_number(3)));
  reassembly.receive(slice_number(1), target.payload(1));
  EXPECT_FALSE(reassembly.is_missing(slice_number(1)));
  EXPECT_EQ(reassembly.missing_of(chunk), (std::vector{slice_number(0), slice_number(2)}));
  EXPECT_TRUE(reassembly.missing_of(ChunkIndex{8}).empty());
}

TEST(Reassembly, TellsWhatIsMissingOfAllChunksInTheirOrder) {
  Target low(4096, 16, 2056), middle(4096, 16, 2056), high(4096, 16, 2056);
  Reassembly reassembly;
  reassembly.begin(ChunkIndex{900}, high.placement(), 2, 2056);
  reassembly.begin(ChunkIndex{3}, low.placement(), 2, 2056);
  reassembly.begin(ChunkIndex{64}, middle.placement(), 2, 2056);
  reassembly.receive({ChunkIndex{64}, 0}, middle.payload(0));
  const std::vector<SliceId> expected = {{ChunkIndex{3}, 0},
                                         {ChunkIndex{3}, 1},
                                         {ChunkIndex{64}, 1},
                                         {ChunkIndex{900}, 0},
                                         {ChunkIndex{900}, 1}};
  EXPECT_EQ(reassembly.all_missing(), expected);
  reassembly.finish_from(ChunkIndex{64});
  EXPECT_EQ(reassembly.all_missing().size(), 2U);
}

TEST(Reassembly, StartsAChunkOverAndCounts) {
  Target target(4096, 16, 2056);
  Reassembly reassembly;
  begin(reassembly, target);
  const auto wrong = test::pattern(2056, 99);
  for (std::uint32_t failures = 1; failures <= 3; ++failures) {
    reassembly.receive(slice_number(0), wrong);
    EXPECT_EQ(reassembly.receive(slice_number(1), wrong), Outcome::chunk_filled);
    EXPECT_EQ(reassembly.start_over(chunk), failures);
    EXPECT_EQ(reassembly.missing_of(chunk).size(), 2U);
  }
  reassembly.receive(slice_number(1), target.payload(1));
  EXPECT_EQ(reassembly.receive(slice_number(0), target.payload(0)), Outcome::chunk_filled);
  EXPECT_TRUE(target.is_right());
}

// Where the last slices hold a bit of the chunk, the trailer and padding, in every proportion.
TEST(Reassembly, PutsSlicesAcrossTheBorderOfChunkAndTrailer) {
  for (std::size_t bytes = 1; bytes <= 40; ++bytes)
    for (std::size_t trailer = 0; trailer <= 17; ++trailer)
      for (std::uint16_t slice_bytes = 1; slice_bytes <= 20; ++slice_bytes) {
        Target target(bytes, trailer, slice_bytes);
        Reassembly reassembly;
        begin(reassembly, target);
        for (std::uint32_t slice = target.slices(); slice-- > 0;)
          EXPECT_EQ(reassembly.receive(slice_number(slice), target.payload(slice)),
                    slice == 0 ? Outcome::chunk_filled : Outcome::placed);
        ASSERT_TRUE(target.is_right()) << bytes << " + " << trailer << " in slices of " << slice_bytes;
        ASSERT_TRUE(target.is_untouched_around());
      }
}

// Against a model that keeps a set of what came: several chunks, random order, duplicates.
TEST(Reassembly, AgreesWithANaiveModel) {
  std::mt19937 random(42);
  for (int round = 0; round < 50; ++round) {
    const auto slice_bytes = static_cast<std::uint16_t>(1 + random() % 60);
    std::vector<Target> targets;
    Reassembly reassembly;
    std::vector<std::vector<bool>> there;
    for (std::uint32_t i = 0; i < 4; ++i)
      targets.emplace_back(1 + random() % 5000, random() % 40, slice_bytes, i + 1);
    for (std::uint32_t i = 0; i < 4; ++i) {
      reassembly.begin(ChunkIndex{i}, targets[i].placement(), targets[i].slices(), slice_bytes);
      there.emplace_back(targets[i].slices(), false);
    }
    for (int step = 0; step < 2000; ++step) {
      const auto i = static_cast<std::uint32_t>(random() % 4);
      const auto slice = static_cast<std::uint32_t>(random() % targets[i].slices());
      const auto outcome =
          reassembly.receive({ChunkIndex{i}, static_cast<std::uint16_t>(slice)}, targets[i].payload(slice));
      const bool was_there = there[i][slice];
      there[i][slice] = true;
      const bool full = std::ranges::find(there[i], false) == there[i].end();
      ASSERT_EQ(outcome, was_there ? Outcome::duplicate : full ? Outcome::chunk_filled : Outcome::placed);
      if (full) {
        ASSERT_TRUE(targets[i].is_right());
      }
    }
    std::vector<SliceId> missing;
    for (std::uint32_t i = 0; i < 4; ++i)
      for (std::uint32_t slice = 0; slice < targets[i].slices(); ++slice)
        if (!there[i][slice]) missing.push_back({ChunkIndex{i}, static_cast<std::uint16_t>(slice)});
    ASSERT_EQ(reassembly.all_missing(), missing);
  }
}

TEST(Reassembly, CutsAChunkAnewInItsPlace) {
  Target target(4096, 16, 1371);
  Reassembly reassembly;
  begin(reassembly, target);
  EXPECT_EQ(reassembly.slice_bytes_of(chunk), 1371);
  reassembly.receive(slice_number(0), test::pattern(1371, 99));
  reassembly.receive(slice_number(2), target.payload(2));
  reassembly.cut_anew(chunk, 4, 1028);
  EXPECT_EQ(reassembly.slice_bytes_of(chunk), 1028);
  EXPECT_EQ(reassembly.missing_of(chunk).size(), 4U);
  // What was cut otherwise fits no more.
  EXPECT_EQ(reassembly.receive(slice_number(1), target.payload(1)), Outcome::not_begun);
  Target shorter(4096, 16, 1028);
  for (std::uint32_t slice = 0; slice < 3; ++slice)
    EXPECT_EQ(reassembly.receive(slice_number(slice), shorter.payload(slice)), Outcome::placed);
  EXPECT_EQ(reassembly.receive(slice_number(3), shorter.payload(3)), Outcome::chunk_filled);
  EXPECT_TRUE(target.is_right());
  EXPECT_TRUE(target.is_untouched_around());
}

TEST(Reassembly, CuttingAnewForgetsNoFailures) {
  Target target(4096, 16, 1371);
  Reassembly reassembly;
  begin(reassembly, target);
  EXPECT_EQ(reassembly.start_over(chunk), 1U);
  reassembly.cut_anew(chunk, 4, 1028);
  EXPECT_EQ(reassembly.start_over(chunk), 2U);
}

TEST(Reassembly, KnowsWhichChunksAreCutLonger) {
  Target target(4096, 16, 1371);
  Reassembly reassembly;
  EXPECT_TRUE(reassembly.cut_longer_than(0).empty());
  reassembly.begin(ChunkIndex{900}, target.placement(), 3, 1371);
  reassembly.begin(ChunkIndex{5}, target.placement(), 4, 1028);
  reassembly.begin(ChunkIndex{3}, target.placement(), 2, 2056);
  EXPECT_EQ(reassembly.cut_longer_than(1027), (std::vector{ChunkIndex{3}, ChunkIndex{5}, ChunkIndex{900}}));
  EXPECT_EQ(reassembly.cut_longer_than(1028), (std::vector{ChunkIndex{3}, ChunkIndex{900}}));
  EXPECT_TRUE(reassembly.cut_longer_than(2056).empty());
}

TEST(Reassembly, KnowsHowAChunkIsCut) {
  Target target(4096, 16, 1371);
  Reassembly reassembly;
  EXPECT_EQ(reassembly.slice_bytes_of(chunk), 0);
  begin(reassembly, target);
  EXPECT_EQ(reassembly.slice_bytes_of(chunk), 1371);
  EXPECT_EQ(reassembly.slice_bytes_of(ChunkIndex{8}), 0);
  reassembly.finish(chunk);
  EXPECT_EQ(reassembly.slice_bytes_of(chunk), 0);
}

// It remembers the chunk that was looked for last.
TEST(Reassembly, AChunkThatIsBegunAgainIsAnother) {
  Target first(4096, 16, 1371), second(4096, 16, 2056), other(4096, 16, 1371);
  Reassembly reassembly;
  begin(reassembly, first);
  reassembly.receive(slice_number(0), first.payload(0));
  reassembly.finish(chunk);
  EXPECT_FALSE(reassembly.is_missing(slice_number(1)));
  begin(reassembly, second);
  EXPECT_TRUE(reassembly.is_missing(slice_number(0)));
  reassembly.receive(slice_number(0), second.payload(0));
  // Many others come and go in between.
  for (std::uint32_t i = 100; i < 1100; ++i) reassembly.begin(ChunkIndex{i}, other.placement(), 3, 1371);
  for (std::uint32_t i = 100; i < 1100; ++i) reassembly.finish(ChunkIndex{i});
  EXPECT_EQ(reassembly.receive(slice_number(1), second.payload(1)), Outcome::chunk_filled);
  EXPECT_TRUE(second.is_right());
  reassembly.finish_from(chunk);
  EXPECT_EQ(reassembly.receive(slice_number(1), second.payload(1)), Outcome::not_begun);
}

}  // namespace
}  // namespace rgtp::packet
