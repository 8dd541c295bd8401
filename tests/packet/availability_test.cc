#include "packet/availability.h"

#include <gtest/gtest.h>

#include "support/surfaces.h"

namespace rgtp::packet {
namespace {

using News = Availability::News;

// 200 chunks: four words, the last one of eight bits.
constexpr std::uint32_t chunks = 200;
constexpr std::uint64_t capacity = chunks * 4096;

class AvailabilityTest : public testing::Test {
 protected:
  AvailabilityTest() {
    manifest_.size_pending = true;
    EXPECT_TRUE(availability_.begin(manifest_, 0, std::nullopt));
  }

  static Announce announce(std::uint16_t word, std::uint64_t bits, std::uint32_t published) {
    Announce announce{.published_to = published, .words = {word, 1}};
    announce.bitmap[0] = bits;
    return announce;
  }
  News receive(const Announce& announce) { return availability_.on_announce(announce).value(); }
  static ChunkRange range(std::uint32_t first, std::uint32_t end) {
    return {ChunkIndex{first}, ChunkIndex{end}};
  }
  std::vector<std::uint32_t> take_all(ChunkRange wanted = range(0, chunks)) {
    std::vector<std::uint32_t> taken;
    while (const auto chunk = availability_.next_fresh(wanted)) {
      availability_.take(*chunk);
      taken.push_back(chunk->value);
    }
    return taken;
  }
  std::optional<std::uint32_t> missing(std::uint32_t from = 0, std::uint32_t end = chunks) const {
    const auto chunk = availability_.next_missing(range(from, end));
    return chunk ? std::optional(chunk->value) : std::nullopt;
  }

  Manifest manifest_ = test::manifest_of(capacity);
  Availability availability_;
};

TEST_F(AvailabilityTest, HasNothingBeforeItBegins) {
  const Availability availability;
  EXPECT_FALSE(availability.next_fresh(range(0, 10)));
  EXPECT_FALSE(availability.next_missing(range(0, 10)));
}

TEST_F(AvailabilityTest, OfAFinishedSurfaceIsEverythingAtOnce) {
  manifest_.size_pending = false;
  ASSERT_TRUE(availability_.begin(manifest_, chunks, capacity));
  EXPECT_TRUE(availability_.is_complete());
  EXPECT_FALSE(missing());
  EXPECT_EQ(take_all(range(3, 6)), (std::vector<std::uint32_t>{3, 4, 5}));
  EXPECT_EQ(take_all(range(5, 8)), (std::vector<std::uint32_t>{6, 7}));
}

TEST_F(AvailabilityTest, OfAGrowingSurfaceIsWhatWasAnnounced) {
  EXPECT_EQ(missing(), 0U);
  EXPECT_TRUE(take_all().empty());
  EXPECT_EQ(receive(announce(1, 0b1011, 3)), News::chunks);
  EXPECT_EQ(take_all(), (std::vector<std::uint32_t>{64, 65, 67}));
  EXPECT_TRUE(take_all().empty());
  EXPECT_EQ(missing(64, 70), 66U);
  EXPECT_FALSE(missing(64, 66));
  EXPECT_EQ(availability_.published(), 3U);
}

TEST_F(AvailabilityTest, GivesChunksThatComeLateAndLieBefore) {
  receive(announce(2, 0b1, 1));
  EXPECT_EQ(take_all(), std::vector<std::uint32_t>{128});
  receive(announce(0, 0b100, 2));
  EXPECT_EQ(take_all(), std::vector<std::uint32_t>{2});
  receive(announce(2, 0b11, 3));
  EXPECT_EQ(take_all(), std::vector<std::uint32_t>{129});
}

TEST_F(AvailabilityTest, TellsNewsFromWhatIsKnown) {
  EXPECT_EQ(receive(announce(0, 1, 1)), News::chunks);
  EXPECT_EQ(receive(announce(0, 1, 1)), News::none);
  EXPECT_EQ(receive(announce(0, 1, 2)), News::count);
  EXPECT_EQ(receive(announce(0, 1, 2)), News::none);
  // A bit may be seen before it is counted.
  EXPECT_EQ(receive(announce(0, 3, 2)), News::chunks);
}

TEST_F(AvailabilityTest, IsCompleteOnceAllAreCounted) {
  receive(announce(3, 0b10, 1));
  EXPECT_EQ(take_all(), std::vector<std::uint32_t>{193});
  EXPECT_EQ(receive(announce(0, 0, chunks)), News::chunks);
  EXPECT_TRUE(availability_.is_complete());
  EXPECT_EQ(missing(), chunks - 1) << "where it ends is still to be told";
  EXPECT_EQ(take_all().size(), chunks - 1);
  Announce end = announce(0, 0, chunks);
  end.final_size_known = true;
  end.final_size = capacity;
  receive(end);
  EXPECT_FALSE(missing());
}

TEST_F(AvailabilityTest, EndsWithTheFinalSize) {
  Announce end = announce(1, 0b110000, 2);
  end.final_size_known = true;
  end.final_size = 69 * 4096 + 1;
  EXPECT_EQ(receive(end), News::chunks);
  EXPECT_EQ(availability_.final_size(), 69 * 4096 + 1U);
  EXPECT_EQ(availability_.end(), ChunkIndex{70});
  EXPECT_EQ(take_all(), (std::vector<std::uint32_t>{68, 69}));
  EXPECT_EQ(missing(66), 66U);
  EXPECT_FALSE(missing(68));
  end.published_to = 70;
  EXPECT_EQ(receive(end), News::chunks);
  EXPECT_EQ(take_all().size(), 68U);
}

TEST_F(AvailabilityTest, OfAnEmptyEndIsComplete) {
  Announce end = announce(0, 0, 0);
  end.final_size_known = true;
  EXPECT_EQ(receive(end), News::chunks);
  EXPECT_TRUE(availability_.is_complete());
  EXPECT_FALSE(missing());
  EXPECT_TRUE(take_all().empty());
}

TEST_F(AvailabilityTest, IgnoresWordsBehindTheSurface) {
  EXPECT_EQ(receive(announce(4, 1, 1)), News::ignored);
  Announce two = announce(3, 1, 1);
  two.words.count = 2;
  EXPECT_EQ(receive(two), News::ignored);
  EXPECT_EQ(receive(announce(3, 0x100, 1)), News::ignored);  // chunk 200
  EXPECT_EQ(availability_.published(), 0U);
  EXPECT_TRUE(take_all().empty());
  EXPECT_EQ(receive(announce(3, 0x80, 1)), News::chunks);
}

TEST_F(AvailabilityTest, IgnoresCountsThatCannotBe) {
  EXPECT_EQ(receive(announce(0, 1, chunks + 1)), News::ignored);
  EXPECT_TRUE(take_all().empty());
}

TEST_F(AvailabilityTest, NoticesThatAnAnnounceIsMissing) {
  EXPECT_EQ(receive(announce(0, 1, 1)), News::chunks);
  Announce later = announce(0, 1, 5);
  later.published_from = 3;
  EXPECT_EQ(receive(later), News::gap);
  EXPECT_EQ(availability_.published(), 5U);
  later = announce(0, 3, 8);
  later.published_from = 7;
  EXPECT_EQ(receive(later), News::chunks) << "what it shows is there all the same";
}

// Or than a lie: what was published once stays so.
TEST_F(AvailabilityTest, TakesTheBitsOfWhatIsOlderThanItKnowsAndNotItsCount) {
  receive(announce(0, 0b11, 3));
  EXPECT_EQ(receive(announce(0, 0b11, 2)), News::none);
  EXPECT_EQ(receive(announce(0, 0b110, 2)), News::chunks);
  EXPECT_EQ(availability_.published(), 3U);
}

TEST_F(AvailabilityTest, AFinalSizeThatCannotBeIsMalformed) {
  Announce end = announce(0, 0, 0);
  end.final_size_known = true;
  end.final_size = capacity + 1;
  EXPECT_EQ(availability_.on_announce(end).error().code, Errc::malformed_data);
  end.final_size = 5000;
  ASSERT_TRUE(availability_.on_announce(end));
  end.final_size = 5001;
  EXPECT_EQ(availability_.on_announce(end).error().code, Errc::malformed_data);
  EXPECT_EQ(availability_.on_manifest(0, 4999).error().code, Errc::malformed_data);
  EXPECT_TRUE(availability_.on_manifest(0, std::nullopt));
  EXPECT_EQ(availability_.final_size(), 5000U);
}

TEST_F(AvailabilityTest, AManifestThatContradictsItselfIsMalformed) {
  EXPECT_EQ(availability_.begin(manifest_, chunks + 1, std::nullopt).error().code, Errc::malformed_data);
  manifest_.size_pending = false;
  EXPECT_EQ(availability_.begin(manifest_, 0, capacity - 1).error().code, Errc::malformed_data);
}

TEST_F(AvailabilityTest, LearnsFromALaterManifest) {
  EXPECT_TRUE(availability_.on_manifest(2, 5000));
  EXPECT_TRUE(availability_.is_complete());
  EXPECT_EQ(take_all(), (std::vector<std::uint32_t>{0, 1}));
}

}  // namespace
}  // namespace rgtp::packet
