// Task, and Pendings in coroutines.
#include <atomic>
#include <coroutine>
#include <future>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include <rgtp/rgtp.h>

#include "support/pattern.h"
#include "transport/pending_fixture.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

class TaskTest : public PendingFixture {};

// The value, or minus the code.
Task<int> take(std::shared_ptr<detail::PendingState<int>> state) {
  const auto result = co_await Pending<int>(std::move(state));
  co_return result ? *result : -static_cast<int>(result.error().code);
}
constexpr int minus(Errc code) { return -static_cast<int>(code); }

// Says when a coroutine's frame has gone, by going with it.
struct Token {
  std::shared_ptr<int> held = std::make_shared<int>(0);
  std::weak_ptr<int> watched() const { return held; }
};

TEST_F(TaskTest, StartsAtOnceInTheCallingThreadAndGivesItsValue) {
  std::thread::id started;
  const auto body = [&]() -> Task<int> {
    started = std::this_thread::get_id();
    co_return 42;
  };
  auto task = body();
  EXPECT_EQ(started, std::this_thread::get_id());
  EXPECT_EQ(task.get(), 42);
}

TEST_F(TaskTest, MayGiveNothingAndWhatCanOnlyBeMoved) {
  bool ran = false;
  const auto nothing = [&]() -> Task<void> {
    ran = true;
    co_return;
  };
  nothing().get();
  EXPECT_TRUE(ran);
  const auto owned = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
  EXPECT_EQ(*owned().get(), 7);
  static_assert(std::is_same_v<decltype(owned().get()), std::unique_ptr<int>>);
  static_assert(!std::is_copy_constructible_v<Task<int>> && std::is_nothrow_move_constructible_v<Task<int>>);
}

TEST_F(TaskTest, GetBlocksUntilThePendingsResultCame) {
  auto state = make();
  auto task = take(state);
  ASSERT_TRUE(loop_->post([state] {
    std::this_thread::sleep_for(10ms);
    state->resolve(5);
  }));
  EXPECT_EQ(task.get(), 5);
}

TEST_F(TaskTest, AReadyPendingGoesOnInline) {
  auto state = make();
  state->resolve(5);
  const auto here = std::this_thread::get_id();
  const auto body = [&]() -> Task<bool> {
    EXPECT_EQ((co_await Pending<int>(state)).value(), 5);
    co_return std::this_thread::get_id() == here;
  };
  EXPECT_TRUE(body().get());
}

TEST_F(TaskTest, AnotherPendingResumesOnTheLoopsThread) {
  auto state = make();
  const auto body = [&]() -> Task<bool> {
    Pending<int> pending(state);
    EXPECT_EQ((co_await std::move(pending)).value(), 6);
    co_return loop_->on_loop_thread();
  };
  auto task = body();
  state->resolve(6);
  EXPECT_TRUE(task.get());
}

TEST_F(TaskTest, ResultsThatComeWhileTheCoroutineSuspendsAreNotLost) {
  for (int i = 0; i < 500; ++i) {
    auto state = make();
    std::thread producer([state, i] { state->resolve(i); });
    EXPECT_EQ(take(state).get(), i);
    producer.join();
  }
}

TEST_F(TaskTest, WhenTheOwnerGoesTheCoroutineHearsCancelledOnTheLoop) {
  auto state = make();
  bool on_loop = false;
  const auto body = [&]() -> Task<Errc> {
    const auto result = co_await Pending<int>(state);
    on_loop = loop_->on_loop_thread();
    co_return result.error().code;
  };
  auto task = body();
  destroy_owner(state);
  EXPECT_EQ(task.get(), Errc::cancelled);
  EXPECT_TRUE(on_loop);
}

TEST_F(TaskTest, APostedResultIsCancelledToo) {
  auto state = make();
  auto task = take(state);
  std::promise<void> owner_went;
  ASSERT_TRUE(loop_->post([&] { owner_went.get_future().get(); }));
  state->resolve(1);  // waits behind that
  destroy_owner(state);
  owner_went.set_value();
  EXPECT_EQ(task.get(), minus(Errc::cancelled));
}

TEST_F(TaskTest, AnOwnerThatWentBeforeIsCancelledInline) {
  auto state = make();
  destroy_owner(state);
  EXPECT_EQ(take(state).get(), minus(Errc::cancelled));
}

TEST_F(TaskTest, TheOwnersDestructorWaitsUntilTheCoroutineSuspendsAgain) {
  auto state = make();
  auto next = make();
  std::promise<void> resumed;
  std::atomic<bool> suspending = false;
  const auto body = [&]() -> Task<int> {
    (void)co_await Pending<int>(state);
    resumed.set_value();
    std::this_thread::sleep_for(30ms);
    suspending = true;
    co_return co_await take(next);
  };
  auto task = body();
  state->resolve(1);
  resumed.get_future().get();
  gate_->close();
  EXPECT_TRUE(suspending);
  next->abandon();
  state->abandon();
  EXPECT_EQ(task.get(), minus(Errc::cancelled));
}

TEST_F(TaskTest, OnAClosedLoopAReadyResultIsStillToBeHad) {
  auto state = make();
  EXPECT_TRUE(loop_->close().get());
  state->resolve(3);
  EXPECT_EQ(take(state).get(), 3);
}

TEST_F(TaskTest, AResultThatCameAfterTheLoopClosedIsClosedToAWaitingCoroutine) {
  auto state = make();
  auto task = take(state);
  EXPECT_TRUE(loop_->close().get());
  state->resolve(3);
  EXPECT_EQ(task.get(), minus(Errc::closed));
}

TEST_F(TaskTest, WhenTheOwnerGoesAfterTheLoopClosedTheCoroutineHearsItInThere) {
  auto state = make();
  const auto here = std::this_thread::get_id();
  bool inside = false;
  const auto body = [&]() -> Task<Errc> {
    const auto result = co_await Pending<int>(state);
    inside = std::this_thread::get_id() == here;
    co_return result.error().code;
  };
  auto task = body();
  EXPECT_TRUE(loop_->close().get());
  destroy_owner(state);
  EXPECT_TRUE(inside);
  EXPECT_EQ(task.get(), Errc::cancelled);
}

TEST_F(TaskTest, TheClosingOfALoopMayBeAwaited) {
  auto loop = EventLoop::spawn().value();
  const auto body = [&]() -> Task<bool> { co_return (co_await loop->close()).has_value(); };
  EXPECT_TRUE(body().get());
  EXPECT_EQ(loop->post([] {}).error().code, Errc::closed);
}

TEST_F(TaskTest, AnAwaitedClosingIsCancelledWhenTheLoopGoes) {
  std::promise<void> begun;
  std::promise<void> go_on;
  auto loop = EventLoop::spawn().value();
  ASSERT_TRUE(loop->post([&] {
    begun.set_value();
    go_on.get_future().get();
  }));
  begun.get_future().get();
  const auto body = [](EventLoop& closing) -> Task<Errc> {
    co_return (co_await closing.close()).error().code;
  };
  auto task = body(*loop);
  std::thread release([&] {
    std::this_thread::sleep_for(5ms);
    go_on.set_value();
  });
  loop.reset();
  EXPECT_EQ(task.get(), Errc::cancelled);
  release.join();
}

TEST_F(TaskTest, AwaitsAnotherTask) {
  auto state = make();
  const auto outer = [&]() -> Task<int> {
    const int ready = co_await []() -> Task<int> { co_return 1; }();
    co_return ready + co_await take(state);
  };
  auto task = outer();
  state->resolve(10);
  EXPECT_EQ(task.get(), 11);
}

TEST_F(TaskTest, AnAwaitedTaskThatEndsWhileItsConsumerSuspendsIsNotLost) {
  for (int i = 0; i < 300; ++i) {
    auto state = make();
    auto inner = take(state);
    std::thread producer([state, i] { state->resolve(i); });
    const auto outer = [](Task<int> awaited) -> Task<int> { co_return co_await std::move(awaited); };
    EXPECT_EQ(outer(std::move(inner)).get(), i);
    producer.join();
  }
}

TEST_F(TaskTest, AnExceptionIsRethrownByGetAndByCoAwait) {
  auto state = make();
  const auto inner = [&]() -> Task<int> { co_return (co_await Pending<int>(state)).value(); };
  const auto outer = [&]() -> Task<void> { (void)co_await inner(); };
  auto task = outer();
  state->resolve(fail(Errc::denied, "not for you"));
  try {
    task.get();
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "not for you");
  }
}

TEST_F(TaskTest, ADroppedTaskRunsOnToItsEndAndItsFrameGoesThere) {
  auto state = make();
  Token token;
  const auto watched = token.watched();
  std::promise<int> got;
  const auto body = [&](Token) -> Task<void> { got.set_value((co_await Pending<int>(state)).value()); };
  (void)body(std::move(token));
  token = {};
  EXPECT_FALSE(watched.expired());
  state->resolve(8);
  EXPECT_EQ(got.get_future().get(), 8);
  run_loop_once();
  EXPECT_TRUE(watched.expired());
}

TEST_F(TaskTest, AnExceptionOfADroppedTaskIsLost) {
  auto state = make();
  const auto body = [&]() -> Task<int> { co_return (co_await Pending<int>(state)).value(); };
  (void)body();
  state->resolve(fail(Errc::denied, "no"));
  run_loop_once();
}

TEST_F(TaskTest, WhoeverHearsOfTheEndFindsTheFrameGone) {
  for (int i = 0; i < 100; ++i) {
    auto state = make();
    Token token;
    const auto watched = token.watched();
    const auto body = [&](Token) -> Task<void> { (void)co_await Pending<int>(state); };
    auto task = body(std::move(token));
    token = {};
    state->resolve(1);
    task.get();
    EXPECT_TRUE(watched.expired());
  }
}

// A coroutine whose owner destroys it, as those of other libraries do.
struct Owned {
  struct promise_type {
    Owned get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

TEST_F(TaskTest, ACoroutineThatIsDestroyedWhileItWaitsIsNotResumed) {
  auto state = make();
  auto inner_state = make();
  std::promise<void> done;
  ASSERT_TRUE(loop_->post([&] {
    const auto waits_for_a_pending = [&]() -> Owned {
      (void)co_await Pending<int>(state);
      ADD_FAILURE();
    };
    const auto waits_for_a_task = [&]() -> Owned {
      (void)co_await take(inner_state);
      ADD_FAILURE();
    };
    const auto first = waits_for_a_pending();
    const auto second = waits_for_a_task();
    first.handle.destroy();
    second.handle.destroy();
    done.set_value();
  }));
  done.get_future().get();
  state->resolve(1);
  inner_state->resolve(1);
  run_loop_once();
}

TEST_F(TaskTest, APullsEndIsHeardByTheCoroutineThatConsumesIt) {
  auto exposer = Exposer::open().value();
  auto puller = Puller::open({.loop = loop_}).value();
  const auto surface = exposer.expose(Source::bytes(pattern(400'000)), {.chunk_bytes = 4096}).get().value();
  const auto consume = [](Pull& pull, std::uint64_t enough) -> Task<Errc> {
    std::uint64_t bytes = 0;
    while (bytes < enough) {
      auto chunk = co_await pull.next();
      if (!chunk) co_return chunk.error().code;
      if (*chunk) bytes += (*chunk)->size();
    }
    co_return Errc{};
  };
  const PullOptions options{.order = Order::content, .window_bytes = 8192};
  std::optional<Pull> pull = puller.pull(surface.locator(), options);
  EXPECT_EQ(consume(*pull, 100'000).get(), Errc{});
  // One that nobody answers: the coroutine waits until the pull goes, or its loop closes.
  const auto nobody = Locator::parse("rgtp://192.0.2.1:9/" + SurfaceId::random().to_hex()).value();
  pull = puller.pull(nobody);
  auto cancelled = consume(*pull, 1);
  pull = puller.pull(nobody);
  EXPECT_EQ(cancelled.get(), Errc::cancelled);
  auto closed = consume(*pull, 1);
  EXPECT_TRUE(loop_->close().get());
  EXPECT_EQ(closed.get(), Errc::closed);
}

}  // namespace
}  // namespace rgtp::test
