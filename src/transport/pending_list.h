// The Pendings that a handle has given out, to be cancelled when it goes.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <rgtp/pending.h>

namespace rgtp::transport {

// Any thread.
template <class T>
class PendingList {
 public:
  using State = detail::PendingState<T>;

  std::shared_ptr<State> add(EventLoop& loop, std::shared_ptr<detail::CallbackGate> gate) {
    auto state = std::make_shared<State>(loop, std::move(gate));
    const std::lock_guard lock(mutex_);
    // A result that somebody may still take is cancelled too when the handle goes.
    std::erase_if(states_, [](const auto& known) { return known->finished() && known.use_count() == 1; });
    states_.push_back(state);
    return state;
  }
  // When the handle goes, behind the closing of its gate. What results and callbacks hold goes in here.
  void abandon_all() {
    std::vector<std::shared_ptr<State>> states;
    {
      const std::lock_guard lock(mutex_);
      states.swap(states_);
    }
    for (const auto& state : states) state->abandon();
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<State>> states_;
};

}  // namespace rgtp::transport
