#include "packet/slice_length.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"
#include "support/memory_sink.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

// Chunks of 4,096 bytes are three slices at the MTU of Ethernet, and four at the one that every path has.
class SliceLengthTest : public testing::Test {
 protected:
  static constexpr std::uint16_t longer = 1371;
  static constexpr std::uint16_t shorter = 1028;

  SliceLengthTest() {
    EXPECT_TRUE(sink_.on_manifest(manifest_));
    EXPECT_TRUE(availability_.begin(manifest_, manifest_.chunk_count(), manifest_.size));
  }

  void begin(std::uint32_t mtu) {
    path_.emplace(Path::Options{.mtu = mtu, .max_mtu = 1500});
    recovery_.emplace(*path_, observer_);
    length_.emplace(*path_, picker_, *recovery_, observer_);
    length_->begin(manifest_);
  }
  // Asks for the next so many slices.
  void ask(std::uint32_t count) {
    picker_.pick(count, picked_);
    recovery_->on_asked(now_, picked_.slices, picker_.slice_bytes());
  }
  std::vector<std::uint32_t> mtus_told() const {
    std::vector<std::uint32_t> mtus;
    for (const auto& changed : observer_.all<event::MtuChanged>()) mtus.push_back(changed.bytes);
    return mtus;
  }

  TimePoint now_ = test::start_time;
  const Manifest manifest_ = test::manifest_of(20 * 4096);
  test::RecordingObserver observer_;
  test::MemorySink sink_;
  Reassembly reassembly_;
  Availability availability_;
  Picker picker_{reassembly_, availability_, sink_};
  Picker::Picked picked_;
  std::optional<Path> path_;
  std::optional<Recovery> recovery_;
  std::optional<SliceLength> length_;
};

TEST_F(SliceLengthTest, BeginsWithWhatThePathCarries) {
  begin(1500);
  EXPECT_EQ(picker_.slice_bytes(), longer);
  EXPECT_EQ(mtus_told(), std::vector<std::uint32_t>{1500});
}

TEST_F(SliceLengthTest, ProbesWithOneLongerSliceBehindTheFirstThatAreAskedFor) {
  begin(fallback_mtu);
  EXPECT_EQ(picker_.slice_bytes(), shorter);
  EXPECT_EQ(length_->pick_probe(now_, picked_), 0);
  ask(1);
  now_ += 1s;
  EXPECT_EQ(length_->pick_probe(now_, picked_), longer);
  EXPECT_EQ(picked_.slices, (std::vector<SliceId>{{ChunkIndex{1}, 0}}));
  EXPECT_EQ(picked_.again, 0U);
  EXPECT_TRUE(picker_.is_probing({ChunkIndex{1}, 0}));
  EXPECT_EQ(reassembly_.slice_bytes_of(ChunkIndex{1}), longer);
  EXPECT_EQ(picker_.slice_bytes(), shorter);
  EXPECT_EQ(length_->pick_probe(now_, picked_), 0);  // one at a time
}

TEST_F(SliceLengthTest, DoesNotProbeWhereTheWindowIsFull) {
  begin(fallback_mtu);
  ask(1);
  now_ += 1s;
  path_->on_expected_again(path_->window_bytes());
  EXPECT_EQ(length_->pick_probe(now_, picked_), 0);
  EXPECT_TRUE(path_->mtu_probe(now_));  // it is still to come
}

TEST_F(SliceLengthTest, AllAreLongerOnceAProbeArrived) {
  begin(fallback_mtu);
  ask(1);
  now_ += 1s;
  ASSERT_EQ(length_->pick_probe(now_, picked_), longer);
  path_->on_mtu_probe_arrived(now_, path_->ip_bytes(longer));
  length_->on_probe_arrived(picked_.slices[0]);
  EXPECT_EQ(picker_.slice_bytes(), longer);
  EXPECT_FALSE(picker_.is_probing({ChunkIndex{1}, 0}));
}

TEST_F(SliceLengthTest, ABlackHoleCutsChunksAnew) {
  begin(1500);
  ask(2);
  length_->on_black_hole(now_);
  EXPECT_EQ(mtus_told(), (std::vector<std::uint32_t>{1500, fallback_mtu}));
  EXPECT_EQ(picker_.slice_bytes(), shorter);
  EXPECT_EQ(reassembly_.slice_bytes_of(ChunkIndex{0}), shorter);
  EXPECT_EQ(recovery_->outstanding(), 0U);
  EXPECT_EQ(path_->in_flight(), 0U);
}

TEST_F(SliceLengthTest, SlicesThatEveryPathCarriesFallIntoNoBlackHole) {
  begin(fallback_mtu);
  ask(2);
  length_->on_black_hole(now_);
  EXPECT_EQ(mtus_told(), std::vector<std::uint32_t>{fallback_mtu});
  EXPECT_EQ(recovery_->outstanding(), 2U);
}

TEST_F(SliceLengthTest, TheExposerMayLimitIt) {
  begin(1500);
  ask(2);
  EXPECT_TRUE(length_->limit(1100));
  EXPECT_EQ(picker_.slice_bytes(), shorter);
  EXPECT_EQ(recovery_->outstanding(), 0U);
  EXPECT_EQ(mtus_told(), (std::vector<std::uint32_t>{1500, path_->ip_bytes(1100)}));
}

TEST_F(SliceLengthTest, ALateRefusalOfLongerSlicesMeansNothing) {
  begin(1500);
  ASSERT_TRUE(length_->limit(1100));
  ask(2);
  EXPECT_TRUE(length_->limit(1100));
  EXPECT_EQ(recovery_->outstanding(), 2U);
  EXPECT_EQ(mtus_told().size(), 2U);
}

TEST_F(SliceLengthTest, IsNeverShorterThanTheShortest) {
  begin(1500);
  EXPECT_TRUE(length_->limit(100));  // to go by this all begin again, as short as they may be
  EXPECT_GE(picker_.slice_bytes(), min_slice_bytes);
  EXPECT_FALSE(length_->limit(100));
}

TEST_F(SliceLengthTest, ALimitMayComeBeforeTheManifest) {
  path_.emplace(Path::Options{.mtu = 1500});
  recovery_.emplace(*path_, observer_);
  length_.emplace(*path_, picker_, *recovery_, observer_);
  EXPECT_TRUE(length_->limit(1100));
  length_->begin(manifest_);
  EXPECT_EQ(picker_.slice_bytes(), shorter);
}

}  // namespace
}  // namespace rgtp::packet
