// A result that is to come, the loop that it comes on and the gate of who waits for it.
#pragma once

#include <future>
#include <memory>

#include <gtest/gtest.h>

#include <rgtp/pending.h>

namespace rgtp {

class PendingFixture : public testing::Test {
 protected:
  using State = detail::PendingState<int>;

  std::shared_ptr<State> make() { return std::make_shared<State>(*loop_, gate_); }
  // What the handle's destructor does.
  void destroy_owner(const std::shared_ptr<State>& state) {
    gate_->close();
    state->abandon();
  }
  void run_loop_once() {
    std::promise<void> ran;
    ASSERT_TRUE(loop_->post([&] { ran.set_value(); }));
    ran.get_future().get();
  }

  std::shared_ptr<EventLoop> loop_ = EventLoop::spawn().value();
  std::shared_ptr<detail::CallbackGate> gate_ = std::make_shared<detail::CallbackGate>();
};

}  // namespace rgtp
