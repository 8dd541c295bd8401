#include <rgtp/pending.h>

namespace rgtp::detail {

bool CallbackGate::enter() {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  ++depth_;
  runner_ = std::this_thread::get_id();
  return true;
}

void CallbackGate::leave() {
  const std::lock_guard lock(mutex_);
  if (--depth_ == 0) {
    runner_ = {};
    idle_.notify_all();
  }
}

void CallbackGate::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  idle_.wait(lock, [&] { return depth_ == 0 || runner_ == std::this_thread::get_id(); });
}

}  // namespace rgtp::detail
