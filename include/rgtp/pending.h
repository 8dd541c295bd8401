// Pending<T>: something that will be a Result<T>. One consumer, one of:
//
//     Result<T> r = pending.get();              // block this thread
//     pending.then([](Result<T> r) { ... });    // be called on the loop's thread
//     Result<T> r = co_await pull.next();       // in a coroutine, see task.h; a named one is moved first
//
// A Pending belongs to the handle that made it (complete() and next() to the Pull, expose() to the Exposer,
// close() to the EventLoop), and only that handle keeps the work alive. When the handle goes, a blocked or
// later get() returns `cancelled` and a callback that has not begun is destroyed unrun before the handle's
// destructor returns; from another thread that destructor waits for a callback that is running. A handle may
// be destroyed in its own callback.
//
// What a loop ends when it closes, callbacks and coroutines still hear of, as `closed`, on the loop's thread.
// A callback for which something comes later than that is destroyed unrun.
//
// A waiting coroutine is always resumed, exactly once, since only its owner could destroy it:
//
//     the result comes      on the loop's thread; from another one the handle's destructor waits until it
//                           suspends again. A result that is there already is no wait: it goes on inline.
//     the handle goes       `cancelled`, posted to the loop; it may not touch the handle any more.
//     either of the two     on a closed loop, which cannot be posted to: inside the call that resolves it
//                           (`closed`) or in the handle's destructor (`cancelled`), on that thread.
//
// Its owner may destroy it while it waits, on the loop's thread: then it is not resumed.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <functional>
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
  // Whom the result goes to, other than get().
  struct Consumer {
    virtual ~Consumer() = default;
    virtual void run(Result<T> result) = 0;
    // Whether it is told that there will be no result, or destroyed without a word.
    virtual bool hears_of_the_end() const = 0;
  };

  // The handle that owns this keeps `loop` alive until it has called abandon().
  PendingState(EventLoop& loop, std::shared_ptr<CallbackGate> gate) : loop_(&loop), gate_(std::move(gate)) {}

  // Before anybody waits: who does, in get(), brings the result about by calling this again and again, until
  // the result is there or it returns false. There is no other consumer then.
  void set_driver(std::function<bool()> driver) { driver_ = std::move(driver); }

  // Called by the producer, once; later calls change nothing.
  void resolve(Result<T> result) {
    Leftovers leftovers;
    bool run_here = false;
    {
      const std::lock_guard lock(mutex_);
      if (done_) return;
      done_ = true;
      if (dropped_) {
        leftovers.result.emplace(std::move(result));
      } else {
        result_.emplace(std::move(result));
        if (consumer_ && !post_run()) {
          // The loop is closing. What it still ends on its own thread reaches its consumer there.
          run_here = loop_->on_loop_thread();
          if (!run_here) leftovers.consumer = std::move(consumer_);
        }
      }
    }
    ready_.notify_all();
    if (run_here) run();
    leftovers.tell(loop_closed());
  }

  // Called when the owning handle goes, after its gate is closed.
  void abandon() {
    Leftovers leftovers;
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
      if (loop_ != nullptr && consumer_ && consumer_->hears_of_the_end() &&
          loop_->post([consumer = consumer_] { consumer->run(cancelled()); }))
        consumer_ = nullptr;
      loop_ = nullptr;
      leftovers.consumer = std::move(consumer_);
      leftovers.result = std::move(result_);
      result_.emplace(cancelled());
    }
    ready_.notify_all();
    leftovers.tell(cancelled());
  }

  // Called when the consumer's Pending goes: a result that nobody will take is let go.
  void drop() {
    Leftovers leftovers;
    const std::lock_guard lock(mutex_);
    if (consumer_ || consumed_) return;
    dropped_ = true;
    leftovers.result = std::move(result_);
    result_.reset();
  }

  Result<T> get() {
    std::unique_lock lock(mutex_);
    if (!result_ && loop_ != nullptr && loop_->on_loop_thread())
      return fail(Errc::would_deadlock,
                  "get() on the event loop's own thread would wait for itself: use then() or co_await there");
    consumed_ = true;
    for (bool goes_on = driver_ != nullptr; goes_on && !result_; lock.lock()) {
      lock.unlock();
      goes_on = driver_();
    }
    ready_.wait(lock, [&] { return result_.has_value(); });
    return take();
  }

  // The error `closed`, with the result still to be had by get(), where the loop cannot be posted to any
  // more.
  Result<void> then(std::shared_ptr<Consumer> consumer) {
    Leftovers leftovers;
    const std::lock_guard lock(mutex_);
    if (driver_ && !result_) {
      leftovers.consumer = std::move(consumer);
      return not_driven();
    }
    consumed_ = true;
    consumer_ = std::move(consumer);
    if (loop_ != nullptr && !result_) return {};
    auto posted = post_run();
    if (!posted) leftovers.consumer = std::move(consumer_);
    return posted;
  }

  bool finished() {
    const std::lock_guard lock(mutex_);
    return done_;
  }

 private:
  // What is let go or told outside of the lock, because it may hold handles of the user's.
  struct Leftovers {
    void tell(tl::unexpected<Error> why) {
      if (consumer && consumer->hears_of_the_end()) consumer->run(std::move(why));
    }
    std::optional<Result<T>> result;
    std::shared_ptr<Consumer> consumer;
  };

  static tl::unexpected<Error> cancelled() {
    return fail(Errc::cancelled, "the handle that this result belonged to was destroyed");
  }
  static tl::unexpected<Error> not_driven() {
    return fail(Errc::invalid_argument,
                "a pull that waits in the calling thread (Wait::block, Wait::spin) is served by get() alone: "
                "pull under Wait::loop");
  }
  static tl::unexpected<Error> loop_closed() {
    return fail(Errc::closed, "the event loop was closed before this result came");
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
      std::shared_ptr<Consumer> consumer;
      std::optional<Result<T>> result;
      {
        const std::lock_guard lock(mutex_);
        if (!consumer_) return;
        consumer = std::move(consumer_);
        result.emplace(take());
      }
      consumer->run(std::move(*result));
    });
  }

  EventLoop* loop_;  // none once abandoned
  std::function<bool()> driver_;
  const std::shared_ptr<CallbackGate> gate_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<Result<T>> result_;
  std::shared_ptr<Consumer> consumer_;
  bool done_ = false;
  bool dropped_ = false;
  bool consumed_ = false;
};

// What `co_await` of a Pending waits on; lives in the coroutine's frame.
template <class T>
class PendingAwaiter {
 public:
  explicit PendingAwaiter(std::shared_ptr<PendingState<T>> state) : state_(std::move(state)) {}
  PendingAwaiter(const PendingAwaiter&) = delete;
  PendingAwaiter& operator=(const PendingAwaiter&) = delete;
  ~PendingAwaiter() {
    if (waiting_) waiting_->coroutine = nullptr;
    state_->drop();
  }

  bool await_ready() { return state_->finished(); }
  // Not inlined: clang may keep an inlined one's locals in the frame, which is another thread's by then.
  __attribute__((noinline)) bool await_suspend(std::coroutine_handle<> coroutine) {
    waiting_ = std::make_shared<Waiting>(coroutine);
    // From here on the coroutine may run elsewhere, and this be gone.
    auto taken = state_->then(waiting_);
    const bool waits = taken.has_value();
    // Where a get() would bring the result about it is not to be waited for here.
    if (!waits && taken.error().code == Errc::invalid_argument)
      waiting_->result.emplace(fail(std::move(taken).error()));
    return waits;
  }
  Result<T> await_resume() {
    if (waiting_ && waiting_->result) return std::move(*waiting_->result);
    return state_->get();
  }

 private:
  struct Waiting : PendingState<T>::Consumer {
    explicit Waiting(std::coroutine_handle<> waiting) : coroutine(waiting) {}
    void run(Result<T> came) override {
      result.emplace(std::move(came));
      if (coroutine) std::exchange(coroutine, nullptr).resume();
    }
    bool hears_of_the_end() const override { return true; }

    std::coroutine_handle<> coroutine;  // none once it was resumed or destroyed
    std::optional<Result<T>> result;
  };

  const std::shared_ptr<PendingState<T>> state_;
  std::shared_ptr<Waiting> waiting_;
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
  // before. The error `closed`, which may be ignored, when the loop is closed; invalid_argument of a pull
  // under Wait::block or Wait::spin, which get() alone brings on. `f` is then destroyed unrun.
  template <class F>
  Result<void> then(F f) {
    struct Callback : detail::PendingState<T>::Consumer {
      explicit Callback(F callback) : function(std::move(callback)) {}
      void run(Result<T> result) override { function(std::move(result)); }
      bool hears_of_the_end() const override { return false; }
      F function;
    };
    return state_->then(std::make_shared<Callback>(std::move(f)));
  }

  // Result<T> in a coroutine: `co_await pull.next()`, `co_await std::move(pending)`.
  auto operator co_await() && { return detail::PendingAwaiter<T>(std::move(state_)); }

 private:
  std::shared_ptr<detail::PendingState<T>> state_;
};

}  // namespace rgtp
