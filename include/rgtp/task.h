// Task<T>: a coroutine for programs that have no coroutine type of their own. Others await Pendings in
// theirs.
//
//     rgtp::Task<int> consume(rgtp::Pull& pull) {
//       while (true) {
//         auto chunk = co_await pull.next();
//         if (!chunk) co_return 1;                 // an error
//         if (!*chunk) co_return 0;                // the end
//         use((*chunk)->bytes());
//       }
//     }
//     int status = consume(pull).get();
//
// It starts at once, in the calling thread, and goes on in the thread that resumes it: the loop's, behind a
// co_await of a Pending that was not ready (pending.h says the rest). Its caller keeps alive what its
// reference parameters name until it has ended, and a lambda's captures, which are not part of the coroutine.
//
// A Task has one consumer, one of:
//   - get(), which blocks until it has ended. On the thread of the loop that it waits for, that is for ever:
//     await it there.
//   - co_await, in another coroutine, which goes on in the thread in which this one ended.
//   - nobody: a Task that is dropped runs on to its end, and its frame is destroyed there.
// An exception that leaves the coroutine, such as that of value() of an error, is rethrown to the consumer;
// where there is none it is lost.
//
// g++ 12 destroys braced temporaries inside a co_await expression twice: build options in a statement before.
//
//     const rgtp::ExposeOptions options{.name = "a"};                      // not inside the next line
//     auto surface = co_await exposer.expose(std::move(source), options);
#pragma once

#include <cassert>
#include <condition_variable>
#include <coroutine>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace rgtp {

template <class T>
class Task;

namespace detail {

// What a Task and its coroutine share. Outlives whichever goes first.
template <class T>
class TaskState {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  // The coroutine: how it ended, then that its frame is gone.
  template <class... From>
  void set_value(From&&... from) {
    value_.emplace(std::forward<From>(from)...);
  }
  void set_exception(std::exception_ptr exception) { exception_ = std::move(exception); }
  void end() {
    std::coroutine_handle<> waiting;
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      waiting = std::exchange(waiting_, nullptr);
    }
    changed_.notify_all();
    if (waiting) waiting.resume();
  }

  // The consumer.
  bool has_ended() {
    const std::lock_guard lock(mutex_);
    return ended_;
  }
  // False where it has ended already. Null takes it back.
  bool resume_at_end(std::coroutine_handle<> waiting) {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    waiting_ = waiting;
    return true;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_; });
  }
  T take() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
    assert(value_ && "a Task has one consumer");
    auto value = std::move(*value_);
    value_.reset();
    if constexpr (!std::is_void_v<T>) return value;
  }

 private:
  std::optional<Value> value_;
  std::exception_ptr exception_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::coroutine_handle<> waiting_;
  bool ended_ = false;
};

template <class T>
class TaskPromise;

template <class T>
class TaskPromiseBase {
 public:
  Task<T> get_return_object() { return Task<T>(state_); }
  std::suspend_never initial_suspend() noexcept { return {}; }
  auto final_suspend() noexcept {
    struct End {
      bool await_ready() noexcept { return false; }
      // The frame goes before anybody hears of the end, who may then destroy what its parameters name.
      // Not inlined: clang may keep an inlined one's locals in that very frame.
      __attribute__((noinline)) void await_suspend(std::coroutine_handle<TaskPromise<T>> coroutine) noexcept {
        const auto state = coroutine.promise().state_;
        coroutine.destroy();
        state->end();
      }
      void await_resume() noexcept {}
    };
    return End{};
  }
  void unhandled_exception() noexcept {
#ifdef __cpp_exceptions
    state_->set_exception(std::current_exception());
#else
    std::terminate();
#endif
  }

 protected:
  const std::shared_ptr<TaskState<T>> state_ = std::make_shared<TaskState<T>>();
};

template <class T>
class TaskPromise : public TaskPromiseBase<T> {
 public:
  template <class From = T>
  void return_value(From&& value) {
    this->state_->set_value(std::forward<From>(value));
  }
};
template <>
class TaskPromise<void> : public TaskPromiseBase<void> {
 public:
  void return_void() { state_->set_value(); }
};

template <class T>
class TaskAwaiter {
 public:
  explicit TaskAwaiter(std::shared_ptr<TaskState<T>> state) : state_(std::move(state)) {}
  TaskAwaiter(const TaskAwaiter&) = delete;
  TaskAwaiter& operator=(const TaskAwaiter&) = delete;
  ~TaskAwaiter() { state_->resume_at_end(nullptr); }

  bool await_ready() { return state_->has_ended(); }
  // Not inlined, as in PendingAwaiter.
  __attribute__((noinline)) bool await_suspend(std::coroutine_handle<> coroutine) {
    return state_->resume_at_end(coroutine);
  }
  T await_resume() { return state_->take(); }

 private:
  const std::shared_ptr<TaskState<T>> state_;
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  static_assert(!std::is_reference_v<T>, "a Task gives a value: return a pointer");
  using promise_type = detail::TaskPromise<T>;

  // Blocks until the coroutine has ended. Once.
  T get() {
    state_->wait();
    return state_->take();
  }

  // T in another coroutine: `co_await consume(pull)`, `co_await std::move(task)`.
  auto operator co_await() && { return detail::TaskAwaiter<T>(std::move(state_)); }

  Task(Task&&) noexcept = default;
  Task& operator=(Task&&) noexcept = default;

 private:
  friend detail::TaskPromiseBase<T>;
  explicit Task(std::shared_ptr<detail::TaskState<T>> state) : state_(std::move(state)) {}

  std::shared_ptr<detail::TaskState<T>> state_;
};

}  // namespace rgtp
