// The event loop over libuv. uv.h stands in this layer alone.
#pragma once

#include <memory>

#include <rgtp/event_loop.h>
#include <rgtp/pending.h>

namespace rgtp::transport {

class UvState;

// What EventLoop::spawn() and attach() return: the two differ in who runs the uv_loop_t.
class UvLoop : public EventLoop {
 public:
  // When the last reference goes, what was posted before is run and the thread ends: joined, except where
  // that happens on this very thread.
  [[nodiscard]] static Result<std::shared_ptr<UvLoop>> spawn();
  [[nodiscard]] static Result<std::shared_ptr<UvLoop>> attach(uv_loop_s* uv);
  ~UvLoop() override;

  Pending<void> close() override;
  Result<void> post(std::function<void()> task) override;
  bool on_loop_thread() const override;
  TimePoint now() const override;
  std::unique_ptr<Timer> timer(std::function<void()> fire) override;
  Result<std::unique_ptr<Watch>> watch(int fd, std::function<void(Watch::Ready)> ready) override;
  void offload(std::function<void()> work, std::function<void()> done) override;
  std::shared_ptr<void> on_closing(std::function<void()> end) override;
  void* native() override;

 private:
  explicit UvLoop(std::shared_ptr<UvState> state);
  static std::shared_ptr<UvLoop> share(std::shared_ptr<UvState> state);
  static void end(UvLoop* last);

  const std::shared_ptr<UvState> state_;
};

}  // namespace rgtp::transport
