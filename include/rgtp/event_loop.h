// The event loop that a library's objects live on: one thread runs it, and all work on data happens there.
//
// The interface is abstract so that transports need not know which library drives it; libuv is its one
// implementation. Handles (Exposer, Puller) make a loop of their own when they are given none, and
// EventLoop::spawn() makes one for several handles to share.
#pragma once

#include <functional>
#include <memory>

#include <rgtp/types.h>

namespace rgtp {

// A deadline. Destroying it disarms it. Loop's thread only.
class RGTP_EXPORT Timer {
 public:
  virtual ~Timer();
  // Calls the timer's function once, at `when` or soon after (tens of microseconds, not milliseconds);
  // replaces an earlier deadline.
  virtual void arm(TimePoint when) = 0;
  virtual void disarm() = 0;
};

enum class Interest { readable, readable_and_writable };

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

  virtual ~EventLoop();

  // Runs `task` on the loop's thread, in the order of posting. From any thread. `closed` once the loop is.
  [[nodiscard]] virtual Result<void> post(std::function<void()> task) = 0;
  virtual bool on_loop_thread() const = 0;
  // Monotonic, from any thread.
  virtual TimePoint now() const = 0;

  // Loop's thread only. `fire` may destroy the timer.
  virtual std::unique_ptr<Timer> timer(std::function<void()> fire) = 0;
  // Loop's thread only. Watches for reading at first; `ready` may destroy the watch. io_error where the
  // descriptor cannot be watched.
  [[nodiscard]] virtual Result<std::unique_ptr<Watch>> watch(int fd,
                                                             std::function<void(Watch::Ready)> ready) = 0;
  // Loop's thread only. Runs `work` on a worker thread, then `done` on the loop's. At most two jobs run at a
  // time, because the workers may belong to the user's program; the rest wait in order.
  virtual void offload(std::function<void()> work, std::function<void()> done) = 0;

  // The implementation's own loop: a uv_loop_t*.
  virtual void* native() = 0;
};

}  // namespace rgtp
