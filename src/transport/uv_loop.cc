#include "transport/uv_loop.h"

#include <cassert>
#include <system_error>

#include "transport/uv_state.h"
#include "transport/uv_timer.h"
#include "transport/uv_watch.h"

namespace rgtp::transport {

Result<std::shared_ptr<UvLoop>> UvLoop::spawn() {
  auto state = std::make_shared<UvState>();
  if (auto opened = state->open(); !opened) return fail(std::move(opened).error());
  try {
    state->thread = std::thread([state] { state->run(); });
  } catch (const std::system_error& error) {
    state->begin_closing();
    state->run();
    return fail(Errc::io_error, std::string("cannot make a thread for an event loop: ") + error.what());
  }
  state->thread_id_ = state->thread.get_id();
  return share(std::move(state));
}

Result<std::shared_ptr<UvLoop>> UvLoop::attach(uv_loop_s* uv) {
  if (uv == nullptr)
    return fail(Errc::invalid_argument,
                "cannot attach to a null uv_loop_t: pass one that uv_loop_init() made");
  auto state = std::make_shared<UvState>();
  if (auto attached = state->attach(uv); !attached) return fail(std::move(attached).error());
  return share(std::move(state));
}

std::shared_ptr<UvLoop> UvLoop::share(std::shared_ptr<UvState> state) {
  return std::shared_ptr<UvLoop>(new UvLoop(std::move(state)), &UvLoop::end);
}

UvLoop::UvLoop(std::shared_ptr<UvState> state) : state_(std::move(state)) {}
UvLoop::~UvLoop() = default;

void UvLoop::end(UvLoop* last) {
  std::unique_ptr<UvLoop> loop(last);
  const auto state = loop->state_;
  state->abandon_closings();
  state->begin_closing();
  if (!state->is_attached() && !state->on_loop_thread()) return state->thread.join();
  if (!state->is_attached()) state->thread.detach();
  loop = state->keep_until_end(std::move(loop));
}

Pending<void> UvLoop::close() { return Pending<void>(state_->close(*this)); }
Result<void> UvLoop::post(std::function<void()> task) { return state_->post(std::move(task)); }
bool UvLoop::on_loop_thread() const { return state_->on_loop_thread(); }
TimePoint UvLoop::now() const { return std::chrono::steady_clock::now(); }
void* UvLoop::native() { return state_->loop(); }

std::unique_ptr<Timer> UvLoop::timer(std::function<void()> fire) {
  assert(on_loop_thread());
  return std::make_unique<UvTimer>(state_, std::move(fire));
}

Result<std::unique_ptr<Watch>> UvLoop::watch(int fd, std::function<void(Watch::Ready)> ready) {
  assert(on_loop_thread());
  return UvWatch::open(state_, fd, std::move(ready));
}

void UvLoop::offload(std::function<void()> work, std::function<void()> done) {
  assert(on_loop_thread());
  state_->submit(std::move(work), std::move(done));
}

std::shared_ptr<void> UvLoop::on_closing(std::function<void()> end) {
  assert(on_loop_thread());
  return state_->on_closing(std::move(end));
}

}  // namespace rgtp::transport

namespace rgtp {

Result<std::shared_ptr<EventLoop>> EventLoop::spawn() { return transport::UvLoop::spawn(); }
Result<std::shared_ptr<EventLoop>> EventLoop::attach(uv_loop_s* uv) { return transport::UvLoop::attach(uv); }

}  // namespace rgtp
