// The event loop that a library's objects live on: one thread runs it, and all work on data happens there.
//
// The interface is abstract so that transports need not know which library drives it; libuv is its one
// implementation. Handles (Exposer, Puller) make a loop of their own when they are given none,
// EventLoop::spawn() makes one for several handles to share, and EventLoop::attach() uses one that the
// program runs anyway:
//
//     auto loop = rgtp::EventLoop::attach(uv).value();          // uv_loop_t* uv
//     auto puller = rgtp::Puller::open({.loop = loop}).value();
//     auto pull = puller.pull(locator);
//     pull.complete().then([&](rgtp::Result<rgtp::View> view) {
//       ...
//       (void)loop->close();                                    // so that uv_run() may end
//     });
//     uv_run(uv, UV_RUN_DEFAULT);
#pragma once

#include <functional>
#include <memory>

#include <rgtp/types.h>

struct uv_loop_s;

namespace rgtp {

template <class T>
class Pending;

// A deadline. Destroying it disarms it. Loop's thread only.
class RGTP_EXPORT Timer {
 public:
  virtual ~Timer();
  // Calls the timer's function once, at `when` or soon after (tens of microseconds, not milliseconds);
  // replaces an earlier deadline.
  virtual void arm(TimePoint when) = 0;
  virtual void disarm() = 0;
};

// Under `none` the descriptor is left alone, errors included.
enum class Interest { none, readable, readable_and_writable };

// Watches a descriptor that stays the caller's, who destroys the watch before closing it. Loop's thread only.
class RGTP_EXPORT Watch {
 public:
  struct Ready {
    bool readable = false;  // also set for an error, which the next read reports
    bool writable = false;
  };

  virtual ~Watch();
  virtual void set_interest(Interest interest) = 0;
};

class RGTP_EXPORT EventLoop {
 public:
  // A loop with a thread of its own, which ends when the last reference goes: joined, except where that
  // happens on the loop's own thread. io_error where the system gives no thread or descriptor.
  [[nodiscard]] static Result<std::shared_ptr<EventLoop>> spawn();
  // A uv_loop_t that stays the caller's, who runs it, on one thread. This is called on that thread, and the
  // loop and the handles on it are destroyed there; the rest is as for a spawned loop, so that get() on
  // another thread waits, and on the loop's thread never does. uv_run() does not end before close(), or
  // before the last reference goes. invalid_argument for a null pointer, io_error where the system gives no
  // descriptor.
  //
  // Without close(), when the last reference goes, what was posted before runs in the next turn of uv_run()
  // and everything is closed then: run the loop to its end before uv_loop_close(), or memory is left behind.
  [[nodiscard]] static Result<std::shared_ptr<EventLoop>> attach(uv_loop_s* uv);

  virtual ~EventLoop();

  // Ends the loop, whoever shares it. From now on post() is `closed`. What was posted before is run; then all
  // that the handles on it have under way ends with `closed`, and surfaces are withdrawn. The handles stay
  // safe to use and to destroy: what needs the loop is `closed`. A pull of a finished surface in memory does
  // not; one that get() brings on by itself (Wait::block, Wait::spin) ends with its surface or its handle.
  //
  // The Pending, which belongs to this EventLoop, ends when jobs that ran on workers have come back and no
  // handle of ours is left in the uv_loop_t: a Watch that the caller made counts until he destroys it. On a
  // loop that has ended already its then() is `closed`, which a spawned one may do at any time: use get() or
  // co_await there. From any thread, and any number of times.
  [[nodiscard]] virtual Pending<void> close() = 0;

  // Runs `task` on the loop's thread, in the order of posting. From any thread. `closed` once the loop is;
  // the task is destroyed then.
  [[nodiscard]] virtual Result<void> post(std::function<void()> task) = 0;
  virtual bool on_loop_thread() const = 0;
  // Monotonic, from any thread.
  virtual TimePoint now() const = 0;

  // Loop's thread only. `fire` may destroy the timer. On a closed loop it never fires.
  virtual std::unique_ptr<Timer> timer(std::function<void()> fire) = 0;
  // Loop's thread only. Watches for reading at first; `ready` may destroy the watch. io_error where the
  // descriptor cannot be watched, `closed`.
  [[nodiscard]] virtual Result<std::unique_ptr<Watch>> watch(int fd,
                                                             std::function<void(Watch::Ready)> ready) = 0;
  // Loop's thread only. Runs `work` on a worker thread, then `done` on the loop's. At most two jobs run at a
  // time, because the workers may belong to the user's program; the rest wait in order. Those that have not
  // begun when the loop closes are destroyed unrun.
  virtual void offload(std::function<void()> work, std::function<void()> done) = 0;
  // Loop's thread only. Has `end` run when the loop closes, on its thread and once, latest first: for what
  // may end nowhere else, such as a Watch. post() is `closed` by then. What is returned takes it back when it
  // goes on the loop's thread; where close() was called it may go on any, and `end` is run all the same.
  [[nodiscard]] virtual std::shared_ptr<void> on_closing(std::function<void()> end) = 0;

  // The implementation's own loop: a uv_loop_t*.
  virtual void* native() = 0;
};

}  // namespace rgtp
