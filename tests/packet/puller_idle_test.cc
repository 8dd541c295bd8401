// A puller's engine whose sink wants nothing for a while.
#include "packet/puller_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class IdlePuller : public PullerFixture {
 protected:
  // Has all that is wanted, and wants more only `idle` later. The driver asks for no other call meanwhile.
  void want_more_after(Duration idle) {
    sink_.want({ChunkIndex{0}, ChunkIndex{1}});
    greet();
    for (const PullRequest& pull : pulls_sent()) serve(pull);
    EXPECT_TRUE(pulls_sent().empty());
    EXPECT_GT(engine_->poll_timeout(now_), now_ + idle);
    now_ += idle;
    sink_.want({ChunkIndex{0}, ChunkIndex{25}});
  }
};

TEST_F(IdlePuller, HasItsWholeTimeoutOnceItWantsMore) {
  want_more_after(9990ms);
  const TimePoint resumed = now_;
  suffer_silence([] { return false; });
  EXPECT_EQ(sink_.error(), Errc::timed_out);
  EXPECT_EQ(now_, resumed + 10s);
}

TEST_F(IdlePuller, IsNotStuckAtOnceWhenItWantsMore) {
  want_more_after(5s);
  EXPECT_FALSE(pulls_sent().empty());
  (void)engine_->poll_timeout(now_);
  now_ += 1ms;
  engine_->handle_timeout(now_);
  pulls_sent();
  for (const auto& asked : sink_.observer().all<event::Asked>()) EXPECT_EQ(asked.again, 0U);
}

TEST_F(IdlePuller, IsNotGoneForOneMessageThatNobodyListens) {
  want_more_after(5s);
  EXPECT_FALSE(pulls_sent().empty());
  (void)engine_->poll_timeout(now_);
  now_ += 1ms;
  engine_->handle_unreachable(now_);
  engine_->handle_timeout(now_);
  now_ += 2s;
  engine_->handle_timeout(now_);
  EXPECT_EQ(sink_.ends(), 0);
  fetch_all();
}

TEST_F(IdlePuller, WaitsAsLongAsItsSinkNeedsToWantSomething) {
  // An output file that is still being made.
  sink_.want({});
  greet();
  const TimePoint greeted = now_;
  while (now_ < greeted + 45s) {
    EXPECT_TRUE(pulls_sent().empty());
    now_ = std::min(engine_->poll_timeout(now_), greeted + 45s);
    engine_->handle_timeout(now_);
    ASSERT_EQ(sink_.ends(), 0);
  }
  sink_.want({ChunkIndex{0}, ChunkIndex{25}});
  fetch_all();
}

TEST_F(IdlePuller, IsNoneThatLacksOnlyACookie) {
  const auto hello = hello_sent();
  ASSERT_TRUE(hello);
  ManifestAnswer answer = manifest_answer(*hello);
  answer.cookie_lifetime_ms = 500;
  receive(answer);
  const TimePoint heard = now_;
  // Once what was asked for is given up, nothing is on its way and nothing can be asked for.
  suffer_silence([] { return false; });
  EXPECT_EQ(sink_.error(), Errc::timed_out);
  EXPECT_EQ(now_, heard + 10s);
}

TEST_F(IdlePuller, DoesNotTimeOutWhileNothingIsWanted) {
  sink_.want({ChunkIndex{0}, ChunkIndex{1}});
  greet();
  for (const PullRequest& pull : pulls_sent()) serve(pull);
  for (int i = 0; i < 10; ++i) {
    now_ += 5s;
    engine_->handle_timeout(now_);
    EXPECT_TRUE(pulls_sent().empty());
  }
  EXPECT_EQ(sink_.ends(), 0);
  sink_.want({ChunkIndex{0}, ChunkIndex{25}});
  fetch_all();
}

}  // namespace
}  // namespace rgtp::packet
