// A loop with a thread of its own, for tests of what lives on a loop.
#pragma once

#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include <rgtp/event_loop.h>

namespace rgtp::test {

class LoopThread {
 public:
  EventLoop& operator*() const { return *loop_; }

  // Runs it there and waits for what it returns.
  template <class Function>
  auto run(Function function) const {
    std::packaged_task<std::invoke_result_t<Function>()> task(std::move(function));
    auto result = task.get_future();
    (void)loop_->post([&task] { task(); });
    return result.get();
  }

 private:
  const std::shared_ptr<EventLoop> loop_ = EventLoop::spawn().value();
};

}  // namespace rgtp::test
