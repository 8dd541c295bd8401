#include "transport/uv_state.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/timerfd.h>
#include <unistd.h>

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

template <class Handle>
UvState* state_of(Handle* handle) {
  return static_cast<UvState*>(handle->data);
}

void close_held(uv_handle_t* handle) {
  uv_close(handle, [](uv_handle_t* closed) { state_of(closed)->release(); });
}

}  // namespace

tl::unexpected<Error> uv_failure(const std::string& what, int error) {
  return fail(Errc::io_error, what + ": " + uv_strerror(error));
}

struct UvState::Job {
  uv_work_t request{};
  std::function<void()> work;
  std::function<void()> done;
  UvState* state = nullptr;
};

UvState::UvState() = default;

UvState::~UvState() = default;

Result<void> UvState::open() {
  if (const int error = uv_loop_init(&own_loop_); error != 0)
    return uv_failure("cannot make an event loop", error);
  // The epoll descriptor: libuv's others are pipes and counters that a forked child may keep without harm.
  core::close_in_children(uv_backend_fd(&own_loop_));
  auto opened = open_handles();
  if (!opened) close_own_loop();
  return opened;
}

Result<void> UvState::attach(uv_loop_t* loop) {
  loop_ = loop;
  thread_id_ = std::this_thread::get_id();
  auto opened = open_handles();
  if (opened) self_ = shared_from_this();
  return opened;
}

Result<void> UvState::open_handles() {
  timer_fd_ = core::Descriptor(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer_fd_)
    return fail(Errc::io_error, std::string("cannot make a timer: ") + std::strerror(errno) +
                                    "; is the limit of open files (ulimit -n) too low?");
  if (const int error = uv_poll_init(loop_, &timer_poll_, timer_fd_.get()); error != 0)
    return uv_failure("cannot watch a timer", error);
  hold();
  timer_poll_.data = this;
  uv_poll_start(&timer_poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
    auto* const state = state_of(poll);
    std::uint64_t expirations = 0;
    if (read(state->timer_fd_.get(), &expirations, sizeof expirations) < 0) return;
    state->timer_set_to_.reset();
    state->deadlines_.run(std::chrono::steady_clock::now());
    state->set_timer();
  });
  // It needs nothing that uv_loop_init() did not make already, and so does not fail.
  uv_async_init(loop_, &wake_, [](uv_async_t* wake) { state_of(wake)->run_posted(); });
  hold();
  wake_.data = this;
  return {};
}

void UvState::run() {
  uv_run(loop_, UV_RUN_DEFAULT);
  close_own_loop();
  end();
}

void UvState::close_own_loop() {
  core::keep_in_children(uv_backend_fd(&own_loop_));
  uv_loop_close(&own_loop_);
}

Result<void> UvState::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::open) return fail(Errc::closed, "the event loop is closed");
  posted_.push_back(std::move(task));
  uv_async_send(&wake_);
  return {};
}

void UvState::begin_closing() {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::open) return;
  phase_ = Phase::closing;
  uv_async_send(&wake_);
}

std::shared_ptr<detail::PendingState<void>> UvState::close(EventLoop& owner) {
  auto pending = std::make_shared<detail::PendingState<void>>(owner, gate_);
  begin_closing();
  bool ended = false;
  {
    const std::lock_guard lock(mutex_);
    ended = phase_ == Phase::ended;
    closings_.push_back(pending);
  }
  if (ended) pending->resolve({});
  return pending;
}

void UvState::abandon_closings() {
  gate_->close();
  std::vector<std::shared_ptr<detail::PendingState<void>>> closings;
  {
    const std::lock_guard lock(mutex_);
    closings.swap(closings_);
  }
  for (const auto& pending : closings) pending->abandon();
}

std::unique_ptr<UvLoop> UvState::keep_until_end(std::unique_ptr<UvLoop> object) {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::ended) return object;
  kept_ = std::move(object);
  return nullptr;
}

void UvState::run_posted() {
  std::vector<std::function<void()>> tasks;
  bool closing = false;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
    closing = phase_ == Phase::closing;
  }
  for (auto& task : tasks) {
    task();
    task = nullptr;  // what it holds goes now, in order
  }
  if (closing) take_leave();
}

// Everything that was posted has run, and nothing will be any more.
void UvState::take_leave() {
  if (std::exchange(has_taken_leave_, true)) return;
  while (!ends_.empty()) {
    const auto latest = ends_.extract(std::prev(ends_.end()));
    latest.mapped()();
  }
  const auto unrun = std::exchange(waiting_jobs_, {});
  close_held(reinterpret_cast<uv_handle_t*>(&timer_poll_));
  close_held(reinterpret_cast<uv_handle_t*>(&wake_));
}

void UvState::release() {
  // A loop of its own ends in run(), when uv_run() has let go of everything.
  if (--held_ == 0 && is_attached()) end();
}

void UvState::end() {
  const auto self = std::exchange(self_, nullptr);
  std::unique_ptr<UvLoop> kept;
  std::vector<std::shared_ptr<detail::PendingState<void>>> closings;
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::ended;
    kept = std::move(kept_);
    closings = closings_;
  }
  for (const auto& pending : closings) pending->resolve({});
}

void UvState::set_timer() {
  if (timer_set_to_ == deadlines_.next()) return;
  timer_set_to_ = deadlines_.next();
  arm_kernel_timer(timer_fd_.get(), timer_set_to_);
}

void UvState::submit(std::function<void()> work, std::function<void()> done) {
  if (has_taken_leave_) return;
  auto job = std::make_unique<Job>();
  job->work = std::move(work);
  job->done = std::move(done);
  job->state = this;
  job->request.data = job.get();
  waiting_jobs_.push_back(std::move(job));
  start_jobs();
}

void UvState::start_jobs() {
  while (running_jobs_ < max_jobs && !waiting_jobs_.empty()) {
    Job* const job = waiting_jobs_.front().release();
    waiting_jobs_.pop_front();
    ++running_jobs_;
    hold();
    uv_queue_work(
        loop_, &job->request, [](uv_work_t* request) { static_cast<Job*>(request->data)->work(); },
        [](uv_work_t* request, int) {
          std::unique_ptr<Job> finished(static_cast<Job*>(request->data));
          UvState& state = *finished->state;
          --state.running_jobs_;
          finished->done();
          finished.reset();
          state.start_jobs();
          state.release();
        });
  }
}

std::shared_ptr<void> UvState::on_closing(std::function<void()> end) {
  if (has_taken_leave_) return nullptr;
  const std::uint64_t key = next_end_++;
  ends_.emplace(key, std::move(end));
  return std::shared_ptr<void>(this, [key, state = shared_from_this()](void*) {
    // Elsewhere only on a closed loop, whose thread runs it or has.
    if (!state->on_loop_thread()) return;
    const auto taken_back = state->ends_.extract(key);
  });
}

}  // namespace rgtp::transport
