#include "transport/uv_loop.h"

#include <cassert>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include "transport/deadlines.h"

namespace rgtp::transport {

namespace {

// Jobs at a time: libuv's worker threads are shared with the user's program.
constexpr int max_jobs = 2;

void arm_kernel_timer(int fd, std::optional<TimePoint> when) {
  itimerspec spec{};  // all zero disarms
  if (when) {
    // Zero would disarm: a deadline in the past fires at once.
    const auto since_boot = std::max(when->time_since_epoch(), Duration(1));
    spec.it_value.tv_sec = since_boot / std::chrono::seconds(1);
    spec.it_value.tv_nsec = (since_boot % std::chrono::seconds(1)).count();
  }
  timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, nullptr);
}

tl::unexpected<Error> uv_failure(const std::string& what, int error) {
  return fail(Errc::io_error, what + ": " + uv_strerror(error));
}

}  // namespace

// Members are the loop thread's own unless they stand under the mutex.
class UvLoop::State : public std::enable_shared_from_this<UvLoop::State> {
 public:
  ~State() {
    if (timer_fd_ >= 0) close(timer_fd_);
  }

  Result<void> open();
  void run();
  Result<void> post(std::function<void()> task);
  void stop();

  void set_timer() { arm_kernel_timer(timer_fd_, deadlines.next()); }
  void submit(std::function<void()> work, std::function<void()> done);

  // The last handle went on the loop's own thread: what is still to run there may use the object until its
  // end.
  void keep_until_end(std::unique_ptr<UvLoop> object) { kept_ = std::move(object); }

  Deadlines deadlines;
  uv_loop_t loop{};
  std::thread thread;
  std::thread::id thread_id;

 private:
  struct Job {
    uv_work_t request{};
    std::function<void()> work;
    std::function<void()> done;
    State* state = nullptr;
  };

  void run_posted();
  void start_jobs();
  void close_handles();

  int timer_fd_ = -1;
  uv_async_t wake_{};
  uv_poll_t timer_poll_{};
  std::deque<std::unique_ptr<Job>> waiting_jobs_;
  int running_jobs_ = 0;
  std::unique_ptr<UvLoop> kept_;

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  bool stopping_ = false;
};

Result<void> UvLoop::State::open() {
  timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer_fd_ < 0)
    return fail(Errc::io_error, std::string("cannot make a timer: ") + std::strerror(errno) +
                                    "; is the limit of open files (ulimit -n) too low?");
  if (const int error = uv_loop_init(&loop); error != 0)
    return uv_failure("cannot make an event loop", error);
  loop.data = this;
  // These two fail only where uv_loop_init() would have.
  uv_async_init(&loop, &wake_, [](uv_async_t* wake) { static_cast<State*>(wake->loop->data)->run_posted(); });
  uv_poll_init(&loop, &timer_poll_, timer_fd_);
  uv_poll_start(&timer_poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
    auto* const state = static_cast<State*>(poll->loop->data);
    std::uint64_t expirations = 0;
    if (read(state->timer_fd_, &expirations, sizeof expirations) < 0) return;
    state->deadlines.run(std::chrono::steady_clock::now());
    state->set_timer();
  });
  return {};
}

void UvLoop::State::run() {
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  kept_.reset();
}

Result<void> UvLoop::State::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return fail(Errc::closed, "the event loop is closed");
  posted_.push_back(std::move(task));
  uv_async_send(&wake_);
  return {};
}

void UvLoop::State::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  uv_async_send(&wake_);
}

void UvLoop::State::run_posted() {
  std::vector<std::function<void()>> tasks;
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
    stopping = stopping_;
  }
  for (auto& task : tasks) {
    task();
    task = nullptr;  // what it holds goes now, in order
  }
  if (stopping) close_handles();
}

void UvLoop::State::close_handles() {
  waiting_jobs_.clear();
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&wake_)) != 0) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_poll_), nullptr);
}

void UvLoop::State::submit(std::function<void()> work, std::function<void()> done) {
  auto job = std::make_unique<Job>();
  job->work = std::move(work);
  job->done = std::move(done);
  job->state = this;
  job->request.data = job.get();
  waiting_jobs_.push_back(std::move(job));
  start_jobs();
}

void UvLoop::State::start_jobs() {
  while (running_jobs_ < max_jobs && !waiting_jobs_.empty()) {
    Job* const job = waiting_jobs_.front().release();
    waiting_jobs_.pop_front();
    ++running_jobs_;
    uv_queue_work(
        &loop, &job->request, [](uv_work_t* request) { static_cast<Job*>(request->data)->work(); },
        [](uv_work_t* request, int) {
          const std::unique_ptr<Job> finished(static_cast<Job*>(request->data));
          --finished->state->running_jobs_;
          finished->done();
          finished->state->start_jobs();
        });
  }
}

namespace {

class UvTimer : public Timer {
 public:
  UvTimer(Deadlines& deadlines, std::function<void()> set, std::function<void()> fire)
      : deadlines_(deadlines),
        set_(std::move(set)),
        fire_(std::make_shared<std::function<void()>>(std::move(fire))) {}
  ~UvTimer() override { cancel(); }

  void arm(TimePoint when) override {
    if (key_ && key_->when == when) return;
    if (key_) deadlines_.remove(*key_);
    const bool sooner = !deadlines_.next() || when < *deadlines_.next();
    // The function outlives a timer that is destroyed in it.
    key_ = deadlines_.add(when, [this, fire = fire_] {
      key_.reset();
      (*fire)();
    });
    if (sooner) set_();
  }
  void disarm() override { cancel(); }

 private:
  void cancel() {
    // The kernel's timer may fire once for nothing.
    if (key_) deadlines_.remove(*key_);
    key_.reset();
  }

  Deadlines& deadlines_;
  const std::function<void()> set_;
  const std::shared_ptr<std::function<void()>> fire_;
  std::optional<Deadlines::Key> key_;
};

class UvWatch : public Watch {
 public:
  static Result<std::unique_ptr<Watch>> open(uv_loop_t* loop, int fd, std::function<void(Ready)> ready) {
    auto poll = std::make_unique<Poll>();
    poll->ready = std::move(ready);
    if (const int error = uv_poll_init(loop, &poll->handle, fd); error != 0)
      return uv_failure("cannot watch a descriptor", error);
    poll->handle.data = poll.get();
    std::unique_ptr<Watch> watch(new UvWatch(std::move(poll)));
    watch->set_interest(Interest::readable);
    return watch;
  }
  ~UvWatch() override {
    // libuv closes in its next turn and keeps the memory until then.
    Poll* const poll = poll_.release();
    poll->closed = true;
    uv_close(reinterpret_cast<uv_handle_t*>(&poll->handle),
             [](uv_handle_t* handle) { delete static_cast<Poll*>(handle->data); });
  }

  void set_interest(Interest interest) override {
    const int events = interest == Interest::readable ? UV_READABLE : UV_READABLE | UV_WRITABLE;
    if (events == poll_->events) return;
    poll_->events = events;
    start(*poll_);
  }

 private:
  struct Poll {
    uv_poll_t handle{};
    std::function<void(Ready)> ready;
    int events = 0;
    bool closed = false;
  };

  static void start(Poll& poll) { uv_poll_start(&poll.handle, poll.events, &on_poll); }
  static void on_poll(uv_poll_t* handle, int status, int happened) {
    auto& poll = *static_cast<Poll*>(handle->data);
    if (poll.closed) return;
    poll.ready(
        {.readable = status < 0 || (happened & UV_READABLE) != 0, .writable = (happened & UV_WRITABLE) != 0});
    // libuv stops at an error pending on the socket, such as a refused datagram, which is no end here.
    if (status < 0 && !poll.closed) start(poll);
  }

  explicit UvWatch(std::unique_ptr<Poll> poll) : poll_(std::move(poll)) {}

  std::unique_ptr<Poll> poll_;
};

}  // namespace

Result<std::shared_ptr<UvLoop>> UvLoop::spawn() {
  auto state = std::make_shared<State>();
  if (auto opened = state->open(); !opened) return fail(std::move(opened).error());
  try {
    state->thread = std::thread([state] { state->run(); });
  } catch (const std::system_error& error) {
    state->stop();
    state->run();
    return fail(Errc::io_error, std::string("cannot make a thread for an event loop: ") + error.what());
  }
  state->thread_id = state->thread.get_id();
  return std::shared_ptr<UvLoop>(new UvLoop(std::move(state)), &UvLoop::end);
}

UvLoop::UvLoop(std::shared_ptr<State> state) : state_(std::move(state)) {}
UvLoop::~UvLoop() = default;

void UvLoop::end(UvLoop* last) {
  std::unique_ptr<UvLoop> loop(last);
  const auto state = loop->state_;
  state->stop();
  if (loop->on_loop_thread()) {
    state->thread.detach();
    state->keep_until_end(std::move(loop));
  } else {
    state->thread.join();
  }
}

Result<void> UvLoop::post(std::function<void()> task) { return state_->post(std::move(task)); }
bool UvLoop::on_loop_thread() const { return std::this_thread::get_id() == state_->thread_id; }
TimePoint UvLoop::now() const { return std::chrono::steady_clock::now(); }
void* UvLoop::native() { return &state_->loop; }

std::unique_ptr<Timer> UvLoop::timer(std::function<void()> fire) {
  assert(on_loop_thread());
  return std::make_unique<UvTimer>(
      state_->deadlines, [state = state_.get()] { state->set_timer(); }, std::move(fire));
}

Result<std::unique_ptr<Watch>> UvLoop::watch(int fd, std::function<void(Watch::Ready)> ready) {
  assert(on_loop_thread());
  return UvWatch::open(&state_->loop, fd, std::move(ready));
}

void UvLoop::offload(std::function<void()> work, std::function<void()> done) {
  assert(on_loop_thread());
  state_->submit(std::move(work), std::move(done));
}

}  // namespace rgtp::transport

namespace rgtp {

Result<std::shared_ptr<EventLoop>> EventLoop::spawn() { return transport::UvLoop::spawn(); }

}  // namespace rgtp
