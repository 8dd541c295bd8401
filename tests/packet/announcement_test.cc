#include "packet/announcement.h"

#include <functional>

#include <gtest/gtest.h>

#include "support/pattern.h"
#include "support/surfaces.h"

namespace rgtp::packet {
namespace {

constexpr std::uint32_t chunks = 70;

// A store whose writer goes on while it is read: `between` runs before every answer.
class WrittenStore : public Store {
 public:
  explicit WrittenStore(std::shared_ptr<core::SurfaceStore> store) : store_(std::move(store)) {}

  const Manifest& manifest() const override { return store_->manifest(); }
  const Region& region() const override { return std::as_const(*store_).region(); }
  bool has(ChunkIndex chunk) const override { return between(), store_->has(chunk); }
  std::uint32_t published() const override { return between(), store_->published(); }
  SurfaceState state() const override { return store_->state(); }
  std::optional<std::uint64_t> final_size() const override { return between(), store_->final_size(); }
  Result<ReadStatus> read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                          ReadMode mode) const override {
    return store_->read(chunk, offset, out, mode);
  }

  std::function<void()> between = [] {};

 private:
  const std::shared_ptr<core::SurfaceStore> store_;
};

class AnnouncementTest : public testing::Test {
 protected:
  AnnouncementTest() { renew(); }

  // A store of which nothing is published.
  void renew() {
    Manifest manifest = test::manifest_of(chunks * 4096);
    manifest.size_pending = true;
    inner_ = test::unpublished_store(manifest, test::pattern(manifest.size));
    store_ = std::make_shared<WrittenStore>(inner_);
  }
  Announce read(WordRange words, std::uint32_t known = 0) const {
    return Announcement{store_, 5, 77, known, words}.read(9);
  }
  void publish(std::uint32_t chunk) { test::publish(*inner_, ChunkIndex{chunk}); }

  std::shared_ptr<core::SurfaceStore> inner_;
  std::shared_ptr<WrittenStore> store_;
};

TEST_F(AnnouncementTest, ShowsWhatIsPublishedInItsWords) {
  for (const std::uint32_t chunk : {0U, 5U, 63U, 64U, 69U}) publish(chunk);
  const Announce both = read({0, 2}, 3);
  EXPECT_EQ(both.pull_id, 5U);
  EXPECT_EQ(both.timestamp, 77U);
  EXPECT_EQ(both.service_delay, 9);
  EXPECT_EQ(both.published_from, 3U);
  EXPECT_EQ(both.published_to, 5U);
  EXPECT_FALSE(both.final_size_known);
  EXPECT_EQ(both.bitmap[0], 0x8000'0000'0000'0021U);
  EXPECT_EQ(both.bitmap[1], 0x21U);
  const Announce second = read({1, 1});
  EXPECT_EQ(second.words, (WordRange{1, 1}));
  EXPECT_EQ(second.bitmap[0], 0x21U);
  EXPECT_EQ(second.bitmap[1], 0U);
}

TEST_F(AnnouncementTest, ShowsTheFinalSizeOnceItIsKnown) {
  inner_->set_final_size(5000);
  const Announce announce = read({0, 1});
  EXPECT_TRUE(announce.final_size_known);
  EXPECT_EQ(announce.final_size, 5000U);
}

TEST_F(AnnouncementTest, ShowsTheFinalSizeWhereItShowsTheChunkThatHoldsTheEnd) {
  // The writer ends the surface at every moment of the reading in turn.
  for (int moment = 0; moment < 80; ++moment) {
    renew();
    store_->between = [this, calls = 0, moment]() mutable {
      if (calls++ != moment) return;
      inner_->set_final_size(66 * 4096 + 1);
      publish(66);
    };
    const Announce announce = read({0, 2});
    if ((announce.bitmap[1] & 0b100) != 0) {
      EXPECT_TRUE(announce.final_size_known) << moment;
    }
    store_->between = [] {};
  }
}

TEST_F(AnnouncementTest, CountsNoMoreThanItShows) {
  // A chunk is published before every answer.
  store_->between = [this, next = 0U]() mutable {
    if (next < chunks) publish(next++);
  };
  const Announce announce = read({0, 2});
  const int shown = std::popcount(announce.bitmap[0]) + std::popcount(announce.bitmap[1]);
  EXPECT_GE(static_cast<std::uint32_t>(shown), announce.published_to);
  EXPECT_EQ(announce.published_to, 1U);
}

TEST_F(AnnouncementTest, DoesNotBelieveAPullerThatKnowsMoreThanThereIs) {
  publish(0);
  const Announce announce = read({0, 1}, 50);
  EXPECT_EQ(announce.published_from, 1U);
  EXPECT_EQ(announce.published_to, 1U);
}

TEST_F(AnnouncementTest, TheCountInAManifestIsNotAheadOfTheFinalSize) {
  for (int moment = 0; moment < 2; ++moment) {
    renew();
    store_->between = [this, calls = 0, moment]() mutable {
      if (calls++ != moment) return;
      inner_->set_final_size(1);
      publish(0);
    };
    const Published published = published_of(*store_);
    EXPECT_TRUE(published.chunks == 0 || published.final_size) << moment;
    store_->between = [] {};
  }
}

TEST_F(AnnouncementTest, AllOfASurfaceIsWhatItsFinalSizeHolds) {
  const Manifest& manifest = store_->manifest();
  EXPECT_FALSE((Published{69, std::nullopt}.is_all_of(manifest)));
  EXPECT_TRUE((Published{70, std::nullopt}.is_all_of(manifest)));
  EXPECT_TRUE((Published{2, 4097}.is_all_of(manifest)));
  EXPECT_FALSE((Published{1, 4097}.is_all_of(manifest)));
  EXPECT_TRUE((Published{0, 0}.is_all_of(manifest)));
}

}  // namespace
}  // namespace rgtp::packet
