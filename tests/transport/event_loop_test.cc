#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rgtp/event_loop.h>

namespace rgtp {
namespace {

using namespace std::chrono_literals;

// Runs `f` on the loop and returns what it returns.
template <class F>
auto on(EventLoop& loop, F f) {
  std::promise<decltype(f())> promise;
  auto future = promise.get_future();
  EXPECT_TRUE(loop.post([&] { promise.set_value(f()); }));
  return future.get();
}

TEST(EventLoop, RunsTasksInTheOrderOfPostingOnItsOwnThread) {
  auto loop = EventLoop::spawn().value();
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(loop->post([&order, i] { order.push_back(i); }));
  EXPECT_TRUE(on(*loop, [&] { return loop->on_loop_thread(); }));
  EXPECT_FALSE(loop->on_loop_thread());
  EXPECT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(EventLoop, RunsWhatWasPostedBeforeTheLastHandleWent) {
  std::atomic<int> runs = 0;
  auto loop = EventLoop::spawn().value();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(loop->post([&] { ++runs; }));
  loop.reset();  // joins
  EXPECT_EQ(runs, 50);
}

TEST(EventLoop, MayLoseItsLastHandleOnItsOwnThread) {
  std::promise<void> done;
  auto loop = EventLoop::spawn().value();
  auto* const raw = loop.get();
  ASSERT_TRUE(raw->post([&done, handle = std::move(loop)]() mutable {
    EventLoop& still = *handle;
    handle.reset();
    // Posting is over, but the object is there for what is still to run.
    EXPECT_EQ(still.post([] {}).error().code, Errc::closed);
    EXPECT_TRUE(still.on_loop_thread());
    done.set_value();
  }));
  EXPECT_EQ(done.get_future().wait_for(5s), std::future_status::ready);
}

TEST(EventLoop, ATimerFiresOnceNotBeforeItsTimeAndLateByLessThanAMillisecond) {
  auto loop = EventLoop::spawn().value();
  // The machine may be busy, but not each time. What counts in whole milliseconds is late by 0.9 ms each
  // time.
  Duration least_late = 1h;
  for (int i = 0; i < 50; ++i) {
    std::promise<TimePoint> fired;
    TimePoint when;
    auto timer = on(*loop, [&] {
      auto made = loop->timer([&] { fired.set_value(loop->now()); });
      when = loop->now() + 1100us;
      made->arm(when);
      return made;
    });
    const TimePoint at = fired.get_future().get();
    EXPECT_GE(at, when);
    least_late = std::min(least_late, at - when);
    on(*loop, [&] {
      timer.reset();
      return 0;
    });
  }
  EXPECT_LT(least_late, 500us);
}

TEST(EventLoop, TimersFireInTheOrderOfTheirDeadlinesAndDisarmedOnesNot) {
  auto loop = EventLoop::spawn().value();
  std::vector<int> fired;
  std::vector<std::unique_ptr<Timer>> timers;
  std::promise<void> last;
  on(*loop, [&] {
    const TimePoint now = loop->now();
    for (const int i : {3, 1, 2, 4}) {
      timers.push_back(loop->timer([&fired, &last, i] {
        fired.push_back(i);
        if (i == 3) last.set_value();
      }));
      timers.back()->arm(now + i * 2ms);
    }
    timers.back()->disarm();    // 4
    timers[2]->arm(now + 1ms);  // 2 comes first now
    return 0;
  });
  last.get_future().get();
  on(*loop, [&] {
    EXPECT_EQ(fired, (std::vector<int>{2, 1, 3}));
    timers.clear();
    return 0;
  });
}

TEST(EventLoop, ATimerMayDestroyItselfAndArmAnother) {
  auto loop = EventLoop::spawn().value();
  std::promise<void> done;
  std::unique_ptr<Timer> first;
  std::unique_ptr<Timer> second;
  on(*loop, [&] {
    second = loop->timer([&] { done.set_value(); });
    first = loop->timer([&] {
      first.reset();
      second->arm(loop->now());
    });
    first->arm(loop->now() + 1ms);
    return 0;
  });
  EXPECT_EQ(done.get_future().wait_for(5s), std::future_status::ready);
  on(*loop, [&] {
    second.reset();
    return 0;
  });
}

TEST(EventLoop, WatchesADescriptorForReadingAndForWriting) {
  auto loop = EventLoop::spawn().value();
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::promise<bool> readable;
  std::promise<void> writable;
  std::unique_ptr<Watch> watch;
  on(*loop, [&] {
    watch = loop->watch(fd,
                        [&, reads = 0](Watch::Ready ready) mutable {
                          if (ready.readable && reads++ == 0) {
                            eventfd_t value = 0;
                            readable.set_value(eventfd_read(fd, &value) == 0 && value == 5);
                            watch->set_interest(Interest::readable_and_writable);
                          } else if (ready.writable) {
                            watch.reset();
                            writable.set_value();
                          }
                        })
                .value();
    return 0;
  });
  ASSERT_EQ(eventfd_write(fd, 5), 0);
  EXPECT_TRUE(readable.get_future().get());
  writable.get_future().get();
  loop.reset();
  close(fd);
}

TEST(EventLoop, LeavesADescriptorAloneWhileNothingIsOfInterest) {
  auto loop = EventLoop::spawn().value();
  const int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
  std::atomic<int> calls = 0;
  std::promise<void> called;
  std::unique_ptr<Watch> watch;
  on(*loop, [&] {
    watch = loop->watch(fd,
                        [&](Watch::Ready) {
                          ++calls;
                          watch->set_interest(Interest::none);
                          called.set_value();
                        })
                .value();
    return 0;
  });
  called.get_future().get();
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(calls, 1);  // readable as it still is
  called = {};
  on(*loop, [&] {
    watch->set_interest(Interest::readable);
    return 0;
  });
  called.get_future().get();
  EXPECT_EQ(calls, 2);
  on(*loop, [&] {
    watch.reset();
    return 0;
  });
  loop.reset();
  close(fd);
}

TEST(EventLoop, WatchingAClosedDescriptorIsAnError) {
  auto loop = EventLoop::spawn().value();
  const int fd = eventfd(0, EFD_CLOEXEC);
  close(fd);
  EXPECT_EQ(on(*loop, [&] { return loop->watch(fd, [](Watch::Ready) {}).has_value(); }), false);
}

TEST(EventLoop, OffloadsWorkToAtMostTwoThreadsAndComesBack) {
  auto loop = EventLoop::spawn().value();
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> finished = 0;
  std::promise<void> all;
  on(*loop, [&] {
    for (int i = 0; i < 12; ++i) {
      loop->offload(
          [&] {
            const int now = ++running;
            int seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
            EXPECT_FALSE(loop->on_loop_thread());
            std::this_thread::sleep_for(2ms);
            --running;
          },
          [&] {
            EXPECT_TRUE(loop->on_loop_thread());
            if (++finished == 12) all.set_value();
          });
    }
    return 0;
  });
  EXPECT_EQ(all.get_future().wait_for(10s), std::future_status::ready);
  EXPECT_LE(most, 2);
}

TEST(EventLoop, HundredsComeAndGoWithoutLeavingDescriptors) {
  const auto open_descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  { auto warm = EventLoop::spawn().value(); }
  const int before = open_descriptors();
  for (int i = 0; i < 200; ++i) {
    auto loop = EventLoop::spawn().value();
    ASSERT_TRUE(loop->post([] {}));
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace rgtp
