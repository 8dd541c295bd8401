#include "shm/segment_follower.h"

#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "shm/segment_fixture.h"
#include "support/adopting_sink.h"
#include "support/forked_child.h"
#include "support/loop_thread.h"

namespace rgtp::shm {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class SegmentFollowerTest : public SegmentTest {
 protected:
  using Chunks = std::vector<std::uint32_t>;

  void follow() { follower_.emplace(open().value(), sink_, *loop_); }
  // What wait() returned, and how long it took.
  std::pair<Result<void>, Duration> timed_wait(std::uint32_t seen, Duration spin = {}) {
    const auto begun = Clock::now();
    auto waited = follower_->wait(seen, spin);
    return {std::move(waited), Clock::now() - begun};
  }

  const test::LoopThread loop_{};
  test::AdoptingSink sink_;
  std::optional<SegmentFollower> follower_;
};

TEST_F(SegmentFollowerTest, TellsInTheCallingThreadWhatIsPublished) {
  const Exposed exposed = begin(manifest_);
  exposed.publish(2, bytes_);
  follow();
  EXPECT_FALSE(sink_.manifest());
  const std::uint32_t first = follower_->advance();
  EXPECT_EQ(sink_.told, Chunks{2});
  EXPECT_EQ(follower_->advance(), first);
  exposed.publish(0, bytes_);
  EXPECT_TRUE(follower_->wait(first, {}));
  EXPECT_NE(follower_->advance(), first);
  EXPECT_EQ(sink_.told, (Chunks{2, 0}));
  exposed.store->end(SurfaceState::aborted);
  follower_->advance();
  EXPECT_EQ(sink_.error(), Errc::aborted);
}

TEST_F(SegmentFollowerTest, AWaitEndsWithWhatIsPublishedMeanwhile) {
  for (const Duration spin : {Duration{}, Duration(10s)}) {
    const Exposed exposed = begin(manifest_);
    follow();
    const std::uint32_t seen = follower_->advance();
    std::thread publisher([&] {
      std::this_thread::sleep_for(20ms);
      exposed.publish(1, bytes_);
    });
    const auto [waited, took] = timed_wait(seen, spin);
    publisher.join();
    EXPECT_TRUE(waited);
    EXPECT_GE(took, 15ms);
    EXPECT_LT(took, 150ms);
    follower_->advance();
    EXPECT_EQ(sink_.told.back(), 1U);
    follower_.reset();
    sink_ = {};
  }
}

TEST_F(SegmentFollowerTest, AWaitEndsByItselfToLookAtTheWordAndTheOwner) {
  const Exposed exposed = begin(manifest_);
  follow();
  const std::uint32_t seen = follower_->advance();
  const auto [waited, took] = timed_wait(seen);
  EXPECT_TRUE(waited);
  EXPECT_GE(took, 200ms);
  EXPECT_LT(took, 1s);
}

TEST_F(SegmentFollowerTest, SeesAChangeThoughItsWaitWasMovedToAnotherWord) {
  const Exposed exposed = begin(manifest_);
  follow();
  const std::uint32_t seen = follower_->advance();
  // A reader's mapping is enough to do this.
  const auto reader = open().value();
  FutexWord elsewhere{0};
  std::thread hostile([&] {
    const auto* word = &reader->live().counter;
    const auto requeue = [&] {
      return syscall(SYS_futex, reinterpret_cast<const std::uint32_t*>(word), FUTEX_CMP_REQUEUE, 0, 10,
                     reinterpret_cast<std::uint32_t*>(&elsewhere), word->load());
    };
    EXPECT_TRUE(test::comes_true([&] { return requeue() > 0; }, 200ms)) << "nobody waited";
    exposed.publish(0, bytes_);
  });
  const auto [waited, took] = timed_wait(seen);
  hostile.join();
  EXPECT_LT(took, 1s);
  follower_->advance();
  EXPECT_EQ(sink_.told, Chunks{0});
}

TEST_F(SegmentFollowerTest, NoWaitLastsOnceItIsStopped) {
  for (const Duration spin : {Duration{}, Duration(10s)}) {
    const Exposed exposed = begin(manifest_);
    follow();
    const std::uint32_t seen = follower_->advance();
    std::thread stopper([&] {
      std::this_thread::sleep_for(20ms);
      follower_->stop();
    });
    EXPECT_LT(timed_wait(seen, spin).second, 150ms);
    stopper.join();
    EXPECT_LT(timed_wait(seen, spin).second, 50ms);
    follower_.reset();
    sink_ = {};
  }
}

TEST_F(SegmentFollowerTest, ADeadOwnersChunksAreSeenAndThenItIsGone) {
  test::ForkedChild child([&](const test::ForkedChild::Parent& parent) {
    const Exposed exposed = begin(manifest_);
    parent.tell("begun");
    std::this_thread::sleep_for(100ms);
    exposed.publish(3, bytes_);
    parent.tell("published");
    parent.wait_to_be_killed();
  });
  ASSERT_TRUE(child.read_line());
  follow();
  const std::uint32_t before = follower_->advance();
  ASSERT_TRUE(child.read_line());
  child.kill();
  EXPECT_TRUE(follower_->wait(before, {}));
  const std::uint32_t seen = follower_->advance();
  EXPECT_EQ(sink_.told, Chunks{3});
  const auto [waited, took] = timed_wait(seen);
  expect_error(waited, Errc::exposer_gone, "ended before it was finished");
  EXPECT_LT(took, 1s);
}

TEST_F(SegmentFollowerTest, WhatIsCutShortIsAnErrorAndNoSignal) {
  const Exposed exposed = begin(manifest_);
  follow();
  const std::uint32_t seen = follower_->advance();
  const auto bytes = fs::file_size(object());
  std::thread cutter([&] {
    std::this_thread::sleep_for(20ms);
    fs::resize_file(object(), 0);
  });
  expect_error(timed_wait(seen).first, Errc::source_changed, "cut short");
  cutter.join();
  expect_error(timed_wait(seen).first, Errc::source_changed, "cut short");
  fs::resize_file(object(), bytes);  // it is withdrawn through its own mapping
}

}  // namespace
}  // namespace rgtp::shm
