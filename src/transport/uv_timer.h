// A timer of the event loop: an entry among its deadlines.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "transport/uv_state.h"

namespace rgtp::transport {

class UvTimer : public Timer {
 public:
  UvTimer(std::shared_ptr<UvState> state, std::function<void()> fire)
      : state_(std::move(state)), fire_(std::make_shared<std::function<void()>>(std::move(fire))) {}
  ~UvTimer() override { cancel(); }

  void arm(TimePoint when) override {
    if (key_ && key_->when == when) return;
    Deadlines& deadlines = state_->deadlines();
    if (key_) deadlines.remove(*key_);
    const bool sooner = !deadlines.next() || when < *deadlines.next();
    // The function outlives a timer that is destroyed in it.
    key_ = deadlines.add(when, [this, fire = fire_] {
      key_.reset();
      (*fire)();
    });
    if (sooner) state_->set_timer();
  }
  void disarm() override { cancel(); }

 private:
  void cancel() {
    // The kernel's timer may fire once for nothing.
    if (key_) state_->deadlines().remove(*key_);
    key_.reset();
  }

  const std::shared_ptr<UvState> state_;
  const std::shared_ptr<std::function<void()>> fire_;
  std::optional<Deadlines::Key> key_;
};

}  // namespace rgtp::transport
