// The event loop over libuv. uv.h stands in this layer alone.
#pragma once

#include <memory>

#include <rgtp/event_loop.h>

namespace rgtp::transport {

// A libuv loop with a thread of its own: what EventLoop::spawn() returns.
class UvLoop : public EventLoop {
 public:
  // When the last reference goes, what was posted before is run and the thread ends: joined, except where
  // that happens on this very thread.
  [[nodiscard]] static Result<std::shared_ptr<UvLoop>> spawn();
  ~UvLoop() override;

  Result<void> post(std::function<void()> task) override;
  bool on_loop_thread() const override;
  TimePoint now() const override;
  std::unique_ptr<Timer> timer(std::function<void()> fire) override;
  Result<std::unique_ptr<Watch>> watch(int fd, std::function<void(Watch::Ready)> ready) override;
  void offload(std::function<void()> work, std::function<void()> done) override;
  void* native() override;

 private:
  // Shared with the thread, so that the last handle may go on it.
  class State;
  explicit UvLoop(std::shared_ptr<State> state);
  static void end(UvLoop* last);

  std::shared_ptr<State> state_;
};

}  // namespace rgtp::transport
