#include <atomic>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include <rgtp/pending.h>

#include "transport/pending_fixture.h"

namespace rgtp {
namespace {

using namespace std::chrono_literals;

class PendingTest : public PendingFixture {};

TEST_F(PendingTest, GetReturnsAResultThatIsThereAlready) {
  auto state = make();
  state->resolve(7);
  EXPECT_EQ(Pending<int>(state).get().value(), 7);
}

TEST_F(PendingTest, GetBlocksUntilTheResultComes) {
  auto state = make();
  Pending<int> pending(state);
  ASSERT_TRUE(loop_->post([state] {
    std::this_thread::sleep_for(10ms);
    state->resolve(fail(Errc::denied, "no"));
  }));
  EXPECT_EQ(pending.get().error().code, Errc::denied);
}

TEST_F(PendingTest, OnlyTheFirstResultCounts) {
  auto state = make();
  state->resolve(1);
  state->resolve(2);
  EXPECT_EQ(Pending<int>(state).get().value(), 1);
}

TEST_F(PendingTest, ThenNeverRunsInsideTheCallThatAskedForIt) {
  auto state = make();
  state->resolve(7);
  std::promise<int> got;
  auto future = got.get_future();
  std::promise<bool> outside;
  ASSERT_TRUE(loop_->post([&] {
    // Not even on the loop's own thread and with the result there.
    (void)Pending<int>(state).then([&](Result<int> result) { got.set_value(*result); });
    outside.set_value(future.wait_for(0s) == std::future_status::timeout);
  }));
  EXPECT_TRUE(outside.get_future().get());
  EXPECT_EQ(future.get(), 7);
}

TEST_F(PendingTest, ThenRunsOnTheLoopsThreadExactlyOnce) {
  auto state = make();
  std::atomic<int> calls = 0;
  ASSERT_TRUE(Pending<int>(state).then([&](Result<int> result) {
    EXPECT_TRUE(loop_->on_loop_thread());
    EXPECT_EQ(*result, 9);
    ++calls;
  }));
  state->resolve(9);
  state->resolve(10);
  run_loop_once();
  EXPECT_EQ(calls, 1);
}

TEST_F(PendingTest, TakesMoveOnlyCallbacks) {
  auto state = make();
  auto owned = std::make_unique<int>(3);
  std::atomic<int> sum = 0;
  ASSERT_TRUE(Pending<int>(state).then([&, owned = std::move(owned)](Result<int> r) { sum = *owned + *r; }));
  state->resolve(4);
  run_loop_once();
  EXPECT_EQ(sum, 7);
}

TEST_F(PendingTest, GetOnTheLoopsThreadWouldDeadlockUnlessReady) {
  auto waiting = make();
  auto ready = make();
  ready->resolve(1);
  std::promise<std::pair<Errc, bool>> seen;
  ASSERT_TRUE(loop_->post([&] {
    const Errc code = Pending<int>(waiting).get().error().code;
    seen.set_value({code, Pending<int>(ready).get().has_value()});
  }));
  const auto [code, was_ready] = seen.get_future().get();
  EXPECT_EQ(code, Errc::would_deadlock);
  EXPECT_TRUE(was_ready);
}

TEST_F(PendingTest, ABlockedGetIsCancelledWhenTheOwnerGoes) {
  auto state = make();
  auto blocked = std::async(std::launch::async, [&] { return Pending<int>(state).get(); });
  std::this_thread::sleep_for(10ms);
  destroy_owner(state);
  EXPECT_EQ(blocked.get().error().code, Errc::cancelled);
}

TEST_F(PendingTest, ALaterGetIsCancelledToo) {
  auto state = make();
  state->resolve(1);
  Pending<int> pending(state);
  destroy_owner(state);
  EXPECT_EQ(pending.get().error().code, Errc::cancelled);
}

TEST_F(PendingTest, ACallbackIsDestroyedUnrunBeforeTheOwnersDestructorReturns) {
  auto state = make();
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = alive;
  std::atomic<bool> ran = false;
  ASSERT_TRUE(Pending<int>(state).then([alive = std::move(alive), &ran](const Result<int>&) { ran = true; }));
  destroy_owner(state);
  EXPECT_TRUE(watch.expired());
  run_loop_once();
  EXPECT_FALSE(ran);
}

TEST_F(PendingTest, TheOwnersDestructorWaitsForACallbackThatRuns) {
  auto state = make();
  std::promise<void> entered;
  std::atomic<bool> left = false;
  ASSERT_TRUE(Pending<int>(state).then([&](const Result<int>&) {
    entered.set_value();
    std::this_thread::sleep_for(30ms);
    left = true;
  }));
  state->resolve(1);
  entered.get_future().get();
  destroy_owner(state);
  EXPECT_TRUE(left);
}

TEST_F(PendingTest, TheOwnerMayGoInItsOwnCallback) {
  auto state = make();
  std::promise<void> done;
  ASSERT_TRUE(Pending<int>(state).then([&](const Result<int>&) {
    destroy_owner(state);
    done.set_value();
  }));
  state->resolve(1);
  EXPECT_EQ(done.get_future().wait_for(5s), std::future_status::ready);
}

TEST_F(PendingTest, ThenAfterTheOwnerWentIsClosedAndDestroysTheCallback) {
  auto state = make();
  Pending<int> pending(state);
  destroy_owner(state);
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = alive;
  const auto result = pending.then([alive = std::move(alive)](const Result<int>&) { FAIL(); });
  EXPECT_EQ(result.error().code, Errc::closed);
  EXPECT_TRUE(watch.expired());
}

TEST_F(PendingTest, AResultThatNobodyTakesIsLetGo) {
  using Owned = std::shared_ptr<int>;
  auto value = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = value;
  auto state = std::make_shared<detail::PendingState<Owned>>(*loop_, gate_);
  { const Pending<Owned> dropped(state); }
  state->resolve(std::move(value));
  EXPECT_TRUE(watch.expired());
  state->abandon();
}

TEST_F(PendingTest, WhatEndsWhileTheLoopClosesReachesItsCallbackOnTheLoopsThread) {
  auto state = make();
  std::promise<std::pair<int, bool>> got;
  ASSERT_TRUE(Pending<int>(state).then([&](Result<int> result) {
    got.set_value({*result, loop_->on_loop_thread()});
  }));
  std::shared_ptr<void> end;
  ASSERT_TRUE(loop_->post([&] { end = loop_->on_closing([&] { state->resolve(4); }); }));
  EXPECT_TRUE(loop_->close().get());
  EXPECT_EQ(got.get_future().get(), (std::pair{4, true}));
}

TEST_F(PendingTest, WhatComesAfterTheLoopClosedDestroysItsCallbackUnrun) {
  auto state = make();
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = alive;
  ASSERT_TRUE(Pending<int>(state).then([alive = std::move(alive)](const Result<int>&) { FAIL(); }));
  EXPECT_TRUE(loop_->close().get());
  state->resolve(4);
  EXPECT_TRUE(watch.expired());
}

TEST_F(PendingTest, ThenOnAClosedLoopIsClosedAndDestroysTheCallback) {
  auto state = make();
  state->resolve(4);
  EXPECT_TRUE(loop_->close().get());
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = alive;
  Pending<int> pending(state);
  EXPECT_EQ(pending.then([alive = std::move(alive)](const Result<int>&) { FAIL(); }).error().code,
            Errc::closed);
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace rgtp
