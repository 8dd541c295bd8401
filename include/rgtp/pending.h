// Pending<T>: something that will be a Result<T>. One consumer, one of:
//
//     Result<T> r = pending.get();              // block this thread
//     pending.then([](Result<T> r) { ... });    // be called on the loop's thread
//
// A Pending belongs to the handle that made it (complete() and next() to the Pull, expose() to the Exposer),
// and only that handle keeps the work alive. When the handle goes, a blocked or later get() returns
// `cancelled` and a callback that has not begun is destroyed unrun before the handle's destructor returns;
// from another thread that destructor waits for a callback that is running. A handle may be destroyed in its
// own callback.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include <rgtp/event_loop.h>

namespace rgtp {

namespace detail {

// Lets the callbacks of one handle run until it is closed. Shared by the handle and what it started.
class RGTP_EXPORT CallbackGate {
 public:
  // Runs `callback` unless the gate is closed. Loop's thread only, so that one runs at a time.
  template <class Callback>
  void run(Callback&& callback) {
    if (!enter()) return;
    std::forward<Callback>(callback)();
    leave();
  }
  // Afterwards nothing runs. Waits for a callback that is running, except inside that very callback.
  void close();

 private:
  bool enter();
  void leave();

  std::mutex mutex_;
  std::condition_variable idle_;
  bool closed_ = false;
  int depth_ = 0;
  std::thread::id runner_;
};

template <class T>
class PendingState : public std::enable_shared_from_this<PendingState<T>> {
 public:
  struct Callback {
    virtual ~Callback() = default;
    virtual void run(Result<T> result) = 0;
  };

  // The handle that owns this keeps `loop` alive until it has called abandon().
  PendingState(EventLoop& loop, std::shared_ptr<CallbackGate> gate) : loop_(&loop), gate_(std::move(gate)) {}

  // Called by the producer, once; later calls change nothing.
  void resolve(Result<T> result) {
    Leftovers leftovers;
    {
      const std::lock_guard lock(mutex_);
      if (done_) return;
      done_ = true;
      if (dropped_) {
        leftovers.result.emplace(std::move(result));
      } else {
        result_.emplace(std::move(result));
        if (callback_ && !post_run()) leftovers.callback = std::move(callback_);
      }
    }
    ready_.notify_all();
  }

  // Called when the owning handle goes, after its gate is closed.
  void abandon() {
    Leftovers leftovers;
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
      loop_ = nullptr;
      leftovers.callback = std::move(callback_);
      leftovers.result = std::move(result_);
      result_.emplace(cancelled());
    }
    ready_.notify_all();
  }

  // Called when the consumer's Pending goes: a result that nobody will take is let go.
  void drop() {
    Leftovers leftovers;
    const std::lock_guard lock(mutex_);
    if (callback_ || consumed_) return;
    dropped_ = true;
    leftovers.result = std::move(result_);
    result_.reset();
  }

  Result<T> get() {
    std::unique_lock lock(mutex_);
    if (!result_ && loop_ != nullptr && loop_->on_loop_thread())
      return fail(Errc::would_deadlock,
                  "get() on the event loop's own thread would wait for itself: use then() there");
    consumed_ = true;
    ready_.wait(lock, [&] { return result_.has_value(); });
    return take();
  }

  Result<void> then(std::unique_ptr<Callback> callback) {
    Leftovers leftovers;
    const std::lock_guard lock(mutex_);
    consumed_ = true;
    callback_ = std::move(callback);
    if (loop_ != nullptr && !result_) return {};
    auto posted = post_run();
    if (!posted) leftovers.callback = std::move(callback_);
    return posted;
  }

  bool finished() {
    const std::lock_guard lock(mutex_);
    return done_;
  }

 private:
  // What is let go outside of the lock, because it may hold handles of the user's.
  struct Leftovers {
    std::optional<Result<T>> result;
    std::unique_ptr<Callback> callback;
  };

  static tl::unexpected<Error> cancelled() {
    return fail(Errc::cancelled, "the handle that this result belonged to was destroyed");
  }

  Result<T> take() {
    Result<T> result = std::move(*result_);
    result_.emplace(cancelled());
    return result;
  }

  Result<void> post_run() {
    if (loop_ == nullptr) return fail(Errc::closed, "the handle that this result belonged to was destroyed");
    return loop_->post([self = this->shared_from_this()] { self->run(); });
  }

  void run() {
    gate_->run([this] {
      std::unique_ptr<Callback> callback;
      std::optional<Result<T>> result;
      {
        const std::lock_guard lock(mutex_);
        if (!callback_) return;
        callback = std::move(callback_);
        result.emplace(take());
      }
      callback->run(std::move(*result));
    });
  }

  EventLoop* loop_;  // none once abandoned
  const std::shared_ptr<CallbackGate> gate_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<Result<T>> result_;
  std::unique_ptr<Callback> callback_;
  bool done_ = false;
  bool dropped_ = false;
  bool consumed_ = false;
};

}  // namespace detail

template <class T>
class [[nodiscard]] Pending {
 public:
  explicit Pending(std::shared_ptr<detail::PendingState<T>> state) : state_(std::move(state)) {}
  Pending(Pending&&) noexcept = default;
  Pending& operator=(Pending&& other) noexcept {
    if (this == &other) return *this;
    if (state_) state_->drop();
    state_ = std::move(other.state_);
    return *this;
  }
  ~Pending() {
    if (state_) state_->drop();
  }

  // Blocks until the result is there. On the loop's own thread it never blocks: would_deadlock instead. After
  // the first call that returned the result, and after the owner went, `cancelled`.
  [[nodiscard]] Result<T> get() { return state_->get(); }

  // Calls `f(Result<T>)` exactly once on the loop's thread, never inside this call, unless the owner goes
  // before. The error `closed`, which may be ignored, when the loop is closed; `f` is then destroyed unrun.
  template <class F>
  Result<void> then(F f) {
    struct Holder : detail::PendingState<T>::Callback {
      explicit Holder(F f) : function(std::move(f)) {}
      void run(Result<T> result) override { function(std::move(result)); }
      F function;
    };
    return state_->then(std::make_unique<Holder>(std::move(f)));
  }

 private:
  std::shared_ptr<detail::PendingState<T>> state_;
};

}  // namespace rgtp
