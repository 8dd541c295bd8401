// A loop of the caller's, close(), and what becomes of handles on a closed loop.
#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include <rgtp/rgtp.h>

#include "support/pattern.h"
#include "support/temporary_directory.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

using Transports = std::vector<std::shared_ptr<Transport>>;

// A uv_loop_t that must have ended, and hold nothing, when a test is over.
class AttachTest : public testing::Test {
 protected:
  AttachTest() {
    uv_loop_init(&uv_);
    uv_timer_init(&uv_, &tick_);
    uv_timer_start(
        &tick_, [](uv_timer_t*) {}, 5, 5);
    uv_unref(reinterpret_cast<uv_handle_t*>(&tick_));
  }
  ~AttachTest() override {
    loop_.reset();
    uv_close(reinterpret_cast<uv_handle_t*>(&tick_), nullptr);
    run_to_the_end();
    EXPECT_EQ(uv_loop_close(&uv_), 0);
  }

  void attach() { loop_ = EventLoop::attach(&uv_).value(); }
  // Turns the loop until `done`; the tick lets it look.
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!done() && std::chrono::steady_clock::now() < deadline) uv_run(&uv_, UV_RUN_ONCE);
    EXPECT_TRUE(done()) << "not in time";
  }
  // Whether uv_run() ends by itself: nothing keeps the loop.
  void run_to_the_end() {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (uv_run(&uv_, UV_RUN_NOWAIT) != 0 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(100us);
    EXPECT_EQ(uv_loop_alive(&uv_), 0);
  }
  // The result of a Pending, by turning the loop.
  template <class T>
  Result<T> await(Pending<T> pending) {
    std::optional<Result<T>> result;
    EXPECT_TRUE(pending.then([&](Result<T> came) { result.emplace(std::move(came)); }));
    run_until([&] { return result.has_value(); });
    if (!result) return fail(Errc::timed_out, "not in time");
    return std::move(*result);
  }

  uv_loop_t uv_;
  uv_timer_t tick_;
  std::shared_ptr<EventLoop> loop_;
};

TEST_F(AttachTest, ANullLoopIsAnInvalidArgument) {
  EXPECT_EQ(EventLoop::attach(nullptr).error().code, Errc::invalid_argument);
}

TEST_F(AttachTest, RunsTasksFromAnyThreadInTheCallersRun) {
  attach();
  EXPECT_EQ(loop_->native(), &uv_);
  EXPECT_TRUE(loop_->on_loop_thread());
  const auto here = std::this_thread::get_id();
  std::atomic<int> runs = 0;
  const auto task = [&] { runs += std::this_thread::get_id() == here ? 1 : 0; };
  ASSERT_TRUE(loop_->post(task));
  std::thread([&] {
    EXPECT_FALSE(loop_->on_loop_thread());
    ASSERT_TRUE(loop_->post(task));
  }).join();
  EXPECT_EQ(runs, 0);
  run_until([&] { return runs == 2; });
}

TEST_F(AttachTest, FiresTimersWatchesDescriptorsAndOffloads) {
  attach();
  const int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
  bool fired = false;
  bool readable = false;
  bool worked = false;
  auto timer = loop_->timer([&] { fired = true; });
  timer->arm(loop_->now() + 1ms);
  std::unique_ptr<Watch> watch = loop_
                                     ->watch(fd,
                                             [&](Watch::Ready ready) {
                                               readable = ready.readable;
                                               watch.reset();
                                             })
                                     .value();
  loop_->offload([] {}, [&] { worked = loop_->on_loop_thread(); });
  run_until([&] { return fired && readable && worked; });
  close(fd);
}

TEST_F(AttachTest, TheRunEndsAfterCloseAndThenThePendingIsThere) {
  attach();
  bool ran = false;
  ASSERT_TRUE(loop_->post([&] { ran = true; }));
  auto closing = loop_->close();
  EXPECT_EQ(loop_->post([] {}).error().code, Errc::closed);
  EXPECT_EQ(closing.get().error().code, Errc::would_deadlock);
  bool closed = false;
  ASSERT_TRUE(closing.then([&](const Result<void>& result) {
    EXPECT_TRUE(result);
    EXPECT_TRUE(loop_->on_loop_thread());
    EXPECT_TRUE(ran);
    // Nothing but the tick is left.
    int handles = 0;
    uv_walk(
        &uv_, [](uv_handle_t*, void* count) { ++*static_cast<int*>(count); }, &handles);
    EXPECT_EQ(handles, 1);
    closed = true;
  }));
  EXPECT_FALSE(closed);
  run_to_the_end();
  EXPECT_TRUE(closed);
  EXPECT_TRUE(loop_->close().get()) << "it may be called again";
  EXPECT_EQ(loop_->close().then([](const Result<void>&) {}).error().code, Errc::closed);
}

TEST_F(AttachTest, TheLoopMayGoInTheCallbackOfItsClosing) {
  attach();
  ASSERT_TRUE(loop_->close().then([&](const Result<void>&) { loop_.reset(); }));
  run_to_the_end();
  EXPECT_EQ(loop_, nullptr);
}

TEST_F(AttachTest, WithoutCloseTheLastReferenceLetsWhatWasPostedRunAndTheLoopEnd) {
  attach();
  EventLoop* const raw = loop_.get();
  int runs = 0;
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(loop_->post([&runs, raw] {
      runs += raw->on_loop_thread() ? 1 : 0;  // the object is still there
      EXPECT_EQ(raw->post([] {}).error().code, Errc::closed);
    }));
  loop_.reset();
  EXPECT_EQ(runs, 0);
  run_to_the_end();
  EXPECT_EQ(runs, 3);
}

TEST_F(AttachTest, ThePendingOfCloseIsCancelledWhenTheLoopGoes) {
  attach();
  auto closing = loop_->close();
  auto other = loop_->close();
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = alive;
  ASSERT_TRUE(other.then([alive = std::move(alive)](const Result<void>&) { FAIL(); }));
  loop_.reset();
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(closing.get().error().code, Errc::cancelled);
}

TEST_F(AttachTest, CloseWaitsForAWatchOfTheCallers) {
  attach();
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  auto watch = loop_->watch(fd, [](Watch::Ready) {}).value();
  bool closed = false;
  ASSERT_TRUE(loop_->close().then([&](const Result<void>&) { closed = true; }));
  for (int i = 0; i < 20; ++i) uv_run(&uv_, UV_RUN_NOWAIT);
  EXPECT_FALSE(closed);
  EXPECT_EQ(loop_->watch(fd, [](Watch::Ready) {}).error().code, Errc::closed);
  watch.reset();
  run_to_the_end();
  EXPECT_TRUE(closed);
  ::close(fd);
}

TEST_F(AttachTest, CloseWaitsForJobsThatRunAndDropsThoseThatWait) {
  attach();
  std::atomic<int> begun = 0;
  std::atomic<bool> go_on = false;
  int back = 0;
  for (int i = 0; i < 5; ++i)
    loop_->offload(
        [&] {
          ++begun;
          while (!go_on) std::this_thread::sleep_for(1ms);
        },
        [&] { ++back; });
  run_until([&] { return begun == 2; });
  bool closed = false;
  ASSERT_TRUE(loop_->close().then([&](const Result<void>&) { closed = true; }));
  for (int i = 0; i < 20; ++i) uv_run(&uv_, UV_RUN_NOWAIT);
  EXPECT_FALSE(closed);
  loop_->offload([&] { ++begun; }, [&] { ++back; });
  go_on = true;
  run_to_the_end();
  EXPECT_TRUE(closed);
  EXPECT_EQ(begun, 2);
  EXPECT_EQ(back, 2);
}

TEST_F(AttachTest, WhatEndsOnClosingRunsLatestFirstUnlessItIsTakenBack) {
  attach();
  std::vector<int> order;
  auto first = loop_->on_closing([&] { order.push_back(1); });
  auto second = loop_->on_closing([&] { order.push_back(2); });
  auto third = loop_->on_closing([&] {
    order.push_back(3);
    EXPECT_EQ(loop_->post([] {}).error().code, Errc::closed);
  });
  second.reset();
  (void)loop_->close();
  ASSERT_TRUE(order.empty());
  run_to_the_end();
  EXPECT_EQ(order, (std::vector<int>{3, 1}));
}

TEST_F(AttachTest, ALoopMayBeAttachedAgainAndTwiceAtOnce) {
  for (int round = 0; round < 3; ++round) {
    attach();
    auto other = EventLoop::attach(&uv_).value();
    int runs = 0;
    ASSERT_TRUE(loop_->post([&] { ++runs; }));
    ASSERT_TRUE(other->post([&] { ++runs; }));
    (void)loop_->close();
    other.reset();
    run_to_the_end();
    EXPECT_EQ(runs, 2);
  }
}

TEST_F(AttachTest, GetOnAnotherThreadWaitsForTheCallersRun) {
  attach();
  auto exposer = Exposer::open({.loop = loop_, .transports = {inproc_transport()}}).value();
  std::atomic<bool> got = false;
  auto elsewhere =
      std::async(std::launch::async, [&, pending = exposer.expose(Source::bytes(pattern(10)))]() mutable {
        auto surface = pending.get();
        got = true;
        return surface;
      });
  run_until([&] { return got.load(); });
  EXPECT_TRUE(elsewhere.get());
}

// Exposer and puller over one attached loop.
class AttachedHandles : public AttachTest, public testing::WithParamInterface<std::string> {
 protected:
  static constexpr std::uint32_t chunk_bytes = 4096;

  void SetUp() override {
    attach();
    open();
  }
  void open() {
    const Transports both = {GetParam() == "udp"      ? udp_transport()
                             : GetParam() == "inproc" ? inproc_transport()
                                                      : shm_transport({.directory = directory_.path()})};
    exposer_ = Exposer::open({.loop = loop_, .transports = both}).value();
    puller_ = Puller::open({.loop = loop_, .transports = both}).value();
  }
  void expose(std::size_t size) {
    surface_ = await(exposer_->expose(Source::bytes(pattern(size)), {.chunk_bytes = chunk_bytes})).value();
  }
  // A pull that its consumer holds in the middle.
  void begin_pull() {
    expose(100 * chunk_bytes);
    pull_ = puller_->pull(surface_->locator(), {.order = Order::content, .window_bytes = 2 * chunk_bytes});
    ASSERT_TRUE(await(pull_->next()).value());
  }
  void destroy_handles(std::mt19937& random, const std::function<void()>& between) {
    std::array<std::function<void()>, 5> ends = {[&] { exposer_.reset(); }, [&] { puller_.reset(); },
                                                 [&] { surface_.reset(); }, [&] { pull_.reset(); },
                                                 [&] { loop_.reset(); }};
    std::shuffle(ends.begin(), ends.end(), random);
    for (const auto& end : ends) {
      end();
      between();
    }
  }

  const TemporaryDirectory directory_{"/dev/shm"};
  std::optional<Exposer> exposer_;
  std::optional<Puller> puller_;
  std::optional<Surface> surface_;
  std::optional<Pull> pull_;
};

TEST_P(AttachedHandles, CloseEndsAPullThatWaitsWhileAnotherThreadPublishes) {
  auto writer = exposer_->begin({.size = 1000 * chunk_bytes, .expose = {.chunk_bytes = chunk_bytes}}).value();
  pull_ = puller_->pull(writer.locator());
  std::optional<Errc> end;
  ASSERT_TRUE(
      pull_->complete().then([&](const Result<View>& view) { end = view ? Errc{} : view.error().code; }));
  std::thread publisher([&] {
    for (std::uint32_t chunk = 0; chunk < 500; ++chunk) {
      (void)writer.loan(ChunkIndex{chunk});
      (void)writer.publish(ChunkIndex{chunk});
    }
  });
  for (int i = 0; i < 50; ++i) uv_run(&uv_, UV_RUN_NOWAIT);
  (void)loop_->close();
  run_to_the_end();
  publisher.join();
  EXPECT_EQ(end, Errc::closed);
  // It was withdrawn with its loop, and nobody finishes it any more.
  EXPECT_FALSE(std::move(writer).finish());
}

TEST_P(AttachedHandles, ExposeAndPull) {
  expose(1'000'000);
  pull_ = puller_->pull(surface_->locator());
  const View view = await(pull_->complete()).value();
  const auto bytes = pattern(1'000'000);
  EXPECT_TRUE(std::equal(view.bytes().begin(), view.bytes().end(), bytes.begin(), bytes.end()));
}

TEST_P(AttachedHandles, TheRunEndsWhenEveryHandleWentInAnyOrderAtAnyMoment) {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    if (loop_ == nullptr) {
      attach();
      open();
    }
    expose(300'000);
    pull_ = puller_->pull(surface_->locator());
    bool called = false;
    (void)pull_->complete().then([&](const Result<View>&) { called = true; });
    auto never = exposer_->expose(Source::bytes(pattern(1000)));
    const auto turn = [&] {
      for (auto turns = random() % 20; turns > 0; --turns) uv_run(&uv_, UV_RUN_NOWAIT);
    };
    turn();
    destroy_handles(random, turn);
    const bool before = called;
    run_to_the_end();
    EXPECT_EQ(called, before);
    EXPECT_EQ(never.get().error().code, Errc::cancelled);
  }
}

TEST_P(AttachedHandles, CloseEndsWhatIsUnderWayAndTellsItsConsumers) {
  begin_pull();
  std::vector<Errc> codes;
  const auto note = [&](const auto& result) { codes.push_back(result ? Errc{} : result.error().code); };
  // Empty the window first: the last one waits.
  ASSERT_TRUE(pull_->next().then(note));
  Pull whole_pull =
      puller_->pull(Locator::parse("rgtp://192.0.2.1:9/" + SurfaceId::random().to_hex()).value());
  if (GetParam() == "udp") {
    ASSERT_TRUE(whole_pull.complete().then(note));
  }
  // Its worker has not come back when the loop closes.
  uv_run(&uv_, UV_RUN_NOWAIT);
  ASSERT_TRUE(exposer_->expose(Source::bytes(pattern(10'000'000))).then(note));
  (void)loop_->close();
  run_to_the_end();  // with all handles alive
  ASSERT_EQ(codes.size(), GetParam() == "udp" ? 3U : 2U);
  EXPECT_EQ(std::count(codes.begin(), codes.end(), Errc::closed), std::ptrdiff_t(codes.size()) - 1);
}

TEST_P(AttachedHandles, HandlesOnAClosedLoopSayClosedAndMayGoInAnyOrder) {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    if (loop_ == nullptr) {
      attach();
      open();
    }
    begin_pull();
    (void)loop_->close();
    if (round % 2 == 0) run_to_the_end();  // else it has not taken notice yet
    EXPECT_EQ(exposer_->expose(Source::bytes(pattern(10))).get().error().code, Errc::closed);
    EXPECT_EQ(pull_->next().then([](const auto&) { FAIL(); }).error().code, Errc::closed);
    Pull late = puller_->pull(surface_->locator());
    if (GetParam() == "udp") {  // what is in memory needs no loop
      EXPECT_EQ(pull_->next().get().error().code, Errc::closed);
      EXPECT_EQ(late.complete().get().error().code, Errc::closed);
      EXPECT_EQ(late.next().get().error().code, Errc::closed);
    }
    EXPECT_EQ(Exposer::open({.loop = loop_}).error().code, Errc::closed);
    destroy_handles(random, [] {});
  }
}

TEST_P(AttachedHandles, CloseInACallbackOfAHandleEndsTheRun) {
  expose(100'000);
  pull_ = puller_->pull(surface_->locator());
  bool closed = false;
  ASSERT_TRUE(pull_->complete().then([&](const Result<View>& view) {
    EXPECT_TRUE(view);
    ASSERT_TRUE(loop_->close().then([&](const Result<void>&) { closed = true; }));
    pull_.reset();
  }));
  run_to_the_end();
  EXPECT_TRUE(closed);
}

INSTANTIATE_TEST_SUITE_P(Over, AttachedHandles, testing::Values("udp", "inproc", "shm"),
                         [](const auto& parameter) { return parameter.param; });

TEST(SpawnedLoop, CloseEndsAndPostingIsOver) {
  auto loop = EventLoop::spawn().value();
  std::atomic<bool> ran = false;
  ASSERT_TRUE(loop->post([&] { ran = true; }));
  EXPECT_TRUE(loop->close().get());
  EXPECT_TRUE(ran);
  EXPECT_EQ(loop->post([] {}).error().code, Errc::closed);
  EXPECT_TRUE(loop->close().get());
}

TEST(SpawnedLoop, TheCallbackOfItsClosingRunsOnItsThreadAndMayBeTheLastToHoldIt) {
  auto loop = EventLoop::spawn().value();
  std::promise<bool> on_loop_thread;
  std::promise<void> begun;
  std::promise<void> go_on;
  ASSERT_TRUE(loop->post([&] {
    begun.set_value();
    go_on.get_future().get();
  }));
  begun.get_future().get();
  EventLoop& last = *loop;
  auto closing = last.close();
  ASSERT_TRUE(closing.then([&on_loop_thread, loop = std::move(loop)](const Result<void>&) mutable {
    on_loop_thread.set_value(loop->on_loop_thread());
    loop.reset();
  }));
  go_on.set_value();
  auto future = on_loop_thread.get_future();
  ASSERT_EQ(future.wait_for(10s), std::future_status::ready);
  EXPECT_TRUE(future.get());
}

TEST(SpawnedLoop, ABlockedGetEndsWithClosed) {
  auto loop = EventLoop::spawn().value();
  auto exposer = Exposer::open({.loop = loop}).value();
  auto puller = Puller::open({.loop = loop}).value();
  const auto surface = exposer.expose(Source::bytes(pattern(100'000)), {.chunk_bytes = 4096}).get().value();
  Pull pull = puller.pull(Locator::parse("rgtp://192.0.2.1:9/" + SurfaceId::random().to_hex()).value());
  auto blocked = std::async(std::launch::async, [&] { return pull.complete().get(); });
  std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(loop->close().get());
  EXPECT_EQ(blocked.get().error().code, Errc::closed);
}

TEST(SpawnedLoop, HandlesMayBeUsedAndGoWhileAnotherThreadClosesIt) {
  for (const char* kind : {"udp", "inproc"})
    for (int round = 0; round < 40; ++round) {
      auto loop = EventLoop::spawn().value();
      const Transports both = {kind == std::string("udp") ? udp_transport() : inproc_transport()};
      std::optional<Exposer> exposer = Exposer::open({.loop = loop, .transports = both}).value();
      std::optional<Puller> puller = Puller::open({.loop = loop, .transports = both}).value();
      std::optional<Surface> surface = exposer->expose(Source::bytes(pattern(200'000))).get().value();
      std::thread closer([loop, round] {
        std::this_thread::sleep_for(std::chrono::microseconds(50 * round));
        EXPECT_TRUE(loop->close().get());
      });
      std::optional<Pull> pull = puller->pull(surface->locator());
      const auto view = pull->complete().get();
      // The exposer may have been closed before the pull began, which a table in this process does not
      // remember.
      const bool may_be_unknown = kind == std::string("inproc");
      EXPECT_TRUE(view || view.error().code == Errc::closed || view.error().code == Errc::withdrawn ||
                  (may_be_unknown && view.error().code == Errc::unknown_surface))
          << view.error().message();
      const auto again = exposer->expose(Source::bytes(pattern(100'000))).get();
      EXPECT_TRUE(again || again.error().code == Errc::closed);
      exposer.reset();
      pull.reset();
      surface.reset();
      puller.reset();
      loop.reset();
      closer.join();
    }
}

}  // namespace
}  // namespace rgtp::test
