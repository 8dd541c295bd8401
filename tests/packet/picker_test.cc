#include "packet/picker.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"
#include "support/memory_sink.h"

namespace rgtp::packet {
namespace {

// Five chunks of 4,096 bytes, at 1,371 bytes a slice three slices each.
class PickerTest : public testing::Test {
 protected:
  using Slices = std::vector<SliceId>;

  PickerTest() {
    EXPECT_TRUE(sink_.on_manifest(manifest_));
    EXPECT_TRUE(availability_.begin(manifest_, 5, manifest_.size));
    picker_.begin(manifest_, 1371);
  }

  static SliceId slice(std::uint32_t chunk, std::uint16_t number) { return {ChunkIndex{chunk}, number}; }
  Slices pick(std::uint32_t most) {
    Picker::Picked picked;
    picker_.pick(most, picked);
    again_ = picked.again;
    return picked.slices;
  }
  // As an answer that is all zeros would.
  void receive(const SliceId& id) { reassembly_.receive(id, std::vector<std::byte>(picker_.slice_bytes())); }

  const Manifest manifest_ = test::manifest_of(5 * 4096);
  test::MemorySink sink_;
  Reassembly reassembly_;
  Availability availability_;
  Picker picker_{reassembly_, availability_, sink_};
  std::uint32_t again_ = 0;
};

TEST_F(PickerTest, GoesThroughTheContentInItsOrder) {
  EXPECT_TRUE(picker_.has_more());
  EXPECT_EQ(pick(2), (Slices{slice(0, 0), slice(0, 1)}));
  EXPECT_EQ(again_, 0U);
  EXPECT_EQ(pick(3), (Slices{slice(0, 2), slice(1, 0), slice(1, 1)}));
  EXPECT_TRUE(reassembly_.is_missing(slice(1, 2)));
  EXPECT_FALSE(reassembly_.is_missing(slice(2, 0)));
  EXPECT_EQ(pick(100).size(), 10U);
  EXPECT_FALSE(picker_.has_more());
  EXPECT_TRUE(pick(100).empty());
}

TEST_F(PickerTest, HasNothingBeforeItBegins) {
  Picker picker(reassembly_, availability_, sink_);
  EXPECT_FALSE(picker.has_more());
}

TEST_F(PickerTest, TakesWhatWasGivenBackFirst) {
  pick(5);
  picker_.give_back(slice(0, 1));
  picker_.give_back(slice(1, 0));
  EXPECT_EQ(pick(3), (Slices{slice(0, 1), slice(1, 0), slice(1, 2)}));
  EXPECT_EQ(again_, 2U);
}

TEST_F(PickerTest, ForgetsWhatWasGivenBackAndCame) {
  pick(15);
  picker_.give_back(slice(0, 1));
  picker_.give_back(slice(0, 2));
  receive(slice(0, 1));
  EXPECT_TRUE(picker_.has_more());
  EXPECT_EQ(pick(5), Slices{slice(0, 2)});
  picker_.give_back(slice(1, 0));
  receive(slice(1, 0));
  EXPECT_FALSE(picker_.has_more());
}

TEST_F(PickerTest, LeavesOutWhatTheSinkDoesNotWant) {
  sink_.want({ChunkIndex{1}, ChunkIndex{3}});
  picker_.begin(manifest_, 1371);
  EXPECT_EQ(pick(100),
            (Slices{slice(1, 0), slice(1, 1), slice(1, 2), slice(2, 0), slice(2, 1), slice(2, 2)}));
}

TEST_F(PickerTest, FollowsTheWindow) {
  sink_.want({ChunkIndex{0}, ChunkIndex{2}});
  EXPECT_EQ(pick(100).size(), 6U);
  EXPECT_FALSE(picker_.has_more());
  sink_.want({ChunkIndex{1}, ChunkIndex{3}});
  EXPECT_TRUE(picker_.has_more());
  EXPECT_EQ(pick(100), (Slices{slice(2, 0), slice(2, 1), slice(2, 2)}));
  // What the window leaps over is not asked for.
  sink_.want({ChunkIndex{4}, ChunkIndex{5}});
  EXPECT_EQ(pick(100), (Slices{slice(4, 0), slice(4, 1), slice(4, 2)}));
}

TEST_F(PickerTest, LeavesAChunkThatTheWindowHasPassed) {
  EXPECT_EQ(pick(1), Slices{slice(0, 0)});
  sink_.want({ChunkIndex{3}, ChunkIndex{5}});
  EXPECT_EQ(pick(2), (Slices{slice(3, 0), slice(3, 1)}));
}

// Of five chunks that a surface may come to, the second and the fourth are published.
class GrowingPickerTest : public PickerTest {
 protected:
  GrowingPickerTest() {
    Manifest growing = manifest_;
    growing.size_pending = true;
    EXPECT_TRUE(availability_.begin(growing, 0, std::nullopt));
    announce(0b01010, std::nullopt);
  }
  void announce(std::uint64_t bits, std::optional<std::uint64_t> final_size) {
    Announce announce{.final_size_known = final_size.has_value(),
                      .published_to = 1,
                      .final_size = final_size.value_or(0),
                      .words = {0, 1}};
    announce.bitmap[0] = bits;
    EXPECT_TRUE(availability_.on_announce(announce));
  }
};

TEST_F(GrowingPickerTest, GoesThroughWhatIsAvailable) {
  EXPECT_EQ(pick(100),
            (Slices{slice(1, 0), slice(1, 1), slice(1, 2), slice(3, 0), slice(3, 1), slice(3, 2)}));
  EXPECT_FALSE(picker_.has_more());
  announce(0b01011, std::nullopt);
  EXPECT_TRUE(picker_.has_more());
  EXPECT_EQ(pick(100), (Slices{slice(0, 0), slice(0, 1), slice(0, 2)}));
}

TEST_F(GrowingPickerTest, EndsAChunkThatItBeganBeforeItTakesUpAnEarlierOne) {
  EXPECT_EQ(pick(4).back(), slice(3, 0));
  announce(0b01011, std::nullopt);
  EXPECT_EQ(pick(100), (Slices{slice(3, 1), slice(3, 2), slice(0, 0), slice(0, 1), slice(0, 2)}));
}

TEST_F(GrowingPickerTest, LeavesAChunkThatTheSurfaceEndsBefore) {
  EXPECT_EQ(pick(4).back(), slice(3, 0));
  announce(0b01010, 2 * 4096 + 1);
  EXPECT_FALSE(picker_.has_more());
  EXPECT_TRUE(pick(100).empty());
}

TEST_F(PickerTest, PicksAtMostSixtyRuns) {
  const Manifest many = test::manifest_of(200 * 4096);
  test::MemorySink sink;
  ASSERT_TRUE(sink.on_manifest(many));
  Reassembly reassembly;
  Availability availability;
  ASSERT_TRUE(availability.begin(many, 200, many.size));
  Picker picker(reassembly, availability, sink);
  picker.begin(many, 1371);
  Picker::Picked picked;
  picker.pick(600, picked);
  // Consecutive slices of a chunk are one run: 60 chunks of three.
  EXPECT_EQ(picked.slices.size(), 180U);
  PullRequest request;
  Picker::to_runs(picked.slices, request);
  EXPECT_EQ(request.run_count, 60U);
  EXPECT_EQ(request.asked()[59], (packet::Run{ChunkIndex{59}, 0, 3}));
  // Two slices a chunk apart each, given back: two runs a chunk.
  for (std::uint32_t chunk = 0; chunk < 60; ++chunk) {
    picker.give_back(slice(chunk, 0));
    picker.give_back(slice(chunk, 2));
  }
  picker.pick(600, picked);
  EXPECT_EQ(picked.slices.size(), 60U);
  EXPECT_EQ(picked.again, 60U);
  EXPECT_EQ(picked.slices.back(), slice(29, 2));
  picker.pick(59, picked);
  EXPECT_EQ(picked.slices.front(), slice(30, 0));
  EXPECT_EQ(picked.again, 59U);
  picker.pick(600, picked);
  EXPECT_EQ(picked.again, 1U);
  EXPECT_EQ(picked.slices[1], slice(60, 0));
}

TEST_F(PickerTest, MergesNeighboursIntoRuns) {
  PullRequest request;
  Picker::to_runs({slice(0, 0), slice(0, 1), slice(0, 3), slice(0, 2), slice(1, 3), slice(1, 4)}, request);
  const std::vector<packet::Run> expected = {
      {ChunkIndex{0}, 0, 2}, {ChunkIndex{0}, 3, 1}, {ChunkIndex{0}, 2, 1}, {ChunkIndex{1}, 3, 2}};
  EXPECT_TRUE(std::ranges::equal(request.asked(), expected));
  Picker::to_runs({}, request);
  EXPECT_EQ(request.run_count, 0U);
}

TEST_F(PickerTest, RebuildsFromWhatIsMissing) {
  pick(5);
  receive(slice(0, 1));
  picker_.give_back(slice(0, 0));
  picker_.rebuild();
  // Everything asked for that did not come, once; the rest of chunk 1 in its turn.
  EXPECT_EQ(pick(6), (Slices{slice(0, 0), slice(0, 2), slice(1, 0), slice(1, 1), slice(1, 2), slice(2, 0)}));
  EXPECT_EQ(again_, 4U);
}

TEST_F(PickerTest, CutsEverythingAnew) {
  pick(5);
  receive(slice(0, 0));
  picker_.give_back(slice(0, 2));
  picker_.cut_anew(1028);
  EXPECT_EQ(picker_.slice_bytes(), 1028);
  EXPECT_TRUE(reassembly_.is_missing(slice(0, 0)));
  const auto all = pick(100);
  EXPECT_EQ(all.size(), 20U);
  EXPECT_EQ(all[0], slice(0, 0));
  EXPECT_EQ(all[3], slice(0, 3));
  EXPECT_EQ(all[4], slice(1, 0));
  EXPECT_EQ(again_, 8U);  // of the two chunks that were begun
}

TEST_F(PickerTest, CuttingAnewLeavesWhatIsThere) {
  pick(100);
  // Chunk 1 becomes verified.
  const auto placement = *sink_.place(ChunkIndex{1});
  std::ranges::copy(core::chunk_tag(ChunkIndex{1}, placement.bytes), placement.trailer.begin());
  ASSERT_EQ(sink_.on_chunk(ChunkIndex{1}), ChunkVerdict::good);
  reassembly_.finish(ChunkIndex{1});
  picker_.cut_anew(1028);
  const auto all = pick(100);
  EXPECT_EQ(all.size(), 16U);
  EXPECT_EQ(all[4], slice(2, 0));
}

// Slices of a path that is taken to carry more: two a chunk.
constexpr std::uint16_t longer = 2056;

TEST_F(PickerTest, ProbesWithAChunkThatIsNotBegun) {
  EXPECT_EQ(picker_.begin_probe(longer), slice(0, 0));
  EXPECT_TRUE(picker_.is_probing(slice(0, 0)));
  EXPECT_FALSE(picker_.is_probing(slice(0, 1)));
  EXPECT_EQ(reassembly_.slice_bytes_of(ChunkIndex{0}), longer);
  // The rest of it waits, and other chunks do not wait for it.
  EXPECT_EQ(picker_.next_slice_bytes(), 1371);
  EXPECT_EQ(pick(2), (Slices{slice(1, 0), slice(1, 1)}));
}

TEST_F(PickerTest, DoesNotProbeWithTheLastChunksThatAreWanted) {
  sink_.want({ChunkIndex{0}, ChunkIndex{4}});
  EXPECT_FALSE(picker_.begin_probe(longer));
  sink_.want({ChunkIndex{0}, ChunkIndex{5}});
  pick(1);
  EXPECT_FALSE(picker_.begin_probe(longer));
  EXPECT_EQ(pick(100).size(), 14U);
  EXPECT_FALSE(picker_.begin_probe(longer));
}

TEST_F(PickerTest, TakesTheRestOfAProbeThatArrived) {
  picker_.begin_probe(longer);
  pick(2);
  picker_.set_slice_bytes(longer);
  picker_.on_probe_arrived(slice(0, 0));
  EXPECT_FALSE(picker_.is_probing(slice(0, 0)));
  EXPECT_EQ(picker_.next_slice_bytes(), longer);
  EXPECT_EQ(pick(100), Slices{slice(0, 1)});
  EXPECT_EQ(again_, 0U);
}

TEST_F(PickerTest, CutsAProbeThatIsLostLikeOthers) {
  picker_.begin_probe(longer);
  pick(2);
  picker_.give_back(slice(0, 0));
  EXPECT_EQ(reassembly_.slice_bytes_of(ChunkIndex{0}), 1371);
  EXPECT_EQ(pick(4), (Slices{slice(0, 0), slice(0, 1), slice(0, 2), slice(1, 2)}));
  EXPECT_EQ(again_, 0U);
  // From now on it is a chunk like others.
  picker_.give_back(slice(0, 0));
  EXPECT_EQ(pick(1), Slices{slice(0, 0)});
  EXPECT_EQ(again_, 1U);
}

TEST_F(PickerTest, AProbeThatIsLostBehindTheEndIsNothing) {
  picker_.begin_probe(longer);
  reassembly_.finish(ChunkIndex{0});
  picker_.give_back(slice(0, 0));
  EXPECT_EQ(pick(1), Slices{slice(1, 0)});
}

TEST_F(PickerTest, RebuildsAProbeOnce) {
  picker_.begin_probe(longer);
  EXPECT_EQ(pick(1), Slices{slice(1, 0)});
  picker_.rebuild();
  EXPECT_EQ(pick(6), (Slices{slice(0, 0), slice(0, 1), slice(0, 2), slice(1, 0), slice(1, 1), slice(1, 2)}));
}

TEST_F(PickerTest, CutsAProbeAnewOnce) {
  picker_.begin_probe(longer);
  EXPECT_EQ(pick(3), (Slices{slice(1, 0), slice(1, 1), slice(1, 2)}));
  picker_.cut_anew(1371);
  EXPECT_FALSE(picker_.is_probing(slice(0, 0)));
  // What was cut like this before keeps what it has.
  receive(slice(1, 1));
  EXPECT_EQ(pick(6), (Slices{slice(0, 0), slice(0, 1), slice(0, 2), slice(1, 0), slice(1, 2), slice(2, 0)}));
}

TEST_F(PickerTest, AChunkKeepsTheSlicesThatItWasBegunWith) {
  pick(2);
  picker_.set_slice_bytes(longer);
  EXPECT_EQ(picker_.next_slice_bytes(), 1371);
  // All that is picked at once is equally long.
  EXPECT_EQ(pick(100), Slices{slice(0, 2)});
  EXPECT_EQ(picker_.next_slice_bytes(), longer);
  EXPECT_EQ(pick(3), (Slices{slice(1, 0), slice(1, 1), slice(2, 0)}));
  picker_.give_back(slice(1, 1));
  picker_.give_back(slice(0, 1));
  EXPECT_EQ(pick(100), Slices{slice(1, 1)});
  EXPECT_EQ(pick(100), Slices{slice(0, 1)});
  EXPECT_EQ(pick(1), Slices{slice(2, 1)});
}

// Data is placed whatever was asked for: a chunk may be there before the cursor is through with it.
TEST_F(PickerTest, LeavesAChunkThatIsThereAlready) {
  EXPECT_EQ(pick(1), Slices{slice(0, 0)});
  reassembly_.finish(ChunkIndex{0});
  EXPECT_EQ(picker_.next_slice_bytes(), 1371);
  EXPECT_EQ(pick(2), (Slices{slice(1, 0), slice(1, 1)}));
}

}  // namespace
}  // namespace rgtp::packet
