#include "transport/uv_watch.h"

namespace rgtp::transport {

namespace {

int events_of(Interest interest) {
  switch (interest) {
    case Interest::none: return 0;
    case Interest::readable: return UV_READABLE;
    case Interest::readable_and_writable: return UV_READABLE | UV_WRITABLE;
  }
  return 0;
}

}  // namespace

struct UvWatch::Poll {
  uv_poll_t handle{};
  std::shared_ptr<UvState> state;
  std::function<void(Ready)> ready;
  int events = 0;
  bool closed = false;

  void start() {
    if (events == 0) {
      uv_poll_stop(&handle);
      return;
    }
    uv_poll_start(&handle, events, [](uv_poll_t* polled, int status, int happened) {
      static_cast<Poll*>(polled->data)->on_event(status, happened);
    });
  }
  void on_event(int status, int happened) {
    if (closed) return;
    ready(
        {.readable = status < 0 || (happened & UV_READABLE) != 0, .writable = (happened & UV_WRITABLE) != 0});
    // libuv stops at an error pending on the socket, such as a refused datagram, which is no end here.
    if (status < 0 && !closed) start();
  }
};

Result<std::unique_ptr<Watch>> UvWatch::open(std::shared_ptr<UvState> state, int fd,
                                             std::function<void(Ready)> ready) {
  if (state->has_taken_leave()) return fail(Errc::closed, "the event loop is closed");
  auto poll = std::make_unique<Poll>();
  if (const int error = uv_poll_init(state->loop(), &poll->handle, fd); error != 0)
    return uv_failure("cannot watch a descriptor", error);
  state->hold();
  poll->state = std::move(state);
  poll->ready = std::move(ready);
  poll->handle.data = poll.get();
  std::unique_ptr<Watch> watch(new UvWatch(std::move(poll)));
  watch->set_interest(Interest::readable);
  return watch;
}

UvWatch::UvWatch(std::unique_ptr<Poll> poll) : poll_(std::move(poll)) {}

UvWatch::~UvWatch() {
  // libuv closes in its next turn and keeps the memory until then.
  Poll* const poll = poll_.release();
  poll->closed = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll->handle), [](uv_handle_t* handle) {
    const std::unique_ptr<Poll> closed(static_cast<Poll*>(handle->data));
    const auto state = std::move(closed->state);
    state->release();
  });
}

void UvWatch::set_interest(Interest interest) {
  const int events = events_of(interest);
  if (events == poll_->events) return;
  poll_->events = events;
  poll_->start();
}

}  // namespace rgtp::transport
