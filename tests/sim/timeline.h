// Virtual time: what is due next comes next, and what is due at one instant comes in the order of its
// scheduling, so that a simulation is the same in every run.
#pragma once

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include <rgtp/types.h>

namespace rgtp::test {

class Timeline {
 public:
  // Whoever is called when something is due.
  class Target {
   public:
    virtual ~Target() = default;
    virtual void on_due(std::uint64_t what) = 0;
  };

  Timeline() = default;
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  TimePoint start() const { return start_; }
  TimePoint now() const { return now_; }

  // Calls `target`, which outlives that, with `what`. Allocates nothing.
  void schedule(TimePoint when, Target& target, std::uint64_t what) { push({when, next_++, &target, what}); }
  // For what happens a few times in a simulation.
  void call(TimePoint when, std::function<void()> action) {
    actions_.push_back(std::move(action));
    push({when, next_++, nullptr, actions_.size() - 1});
  }

  // Does what is due next. False, and the time then is `until`, where nothing is until then.
  bool step(TimePoint until) {
    if (heap_.empty() || heap_.front().when > until) {
      now_ = std::max(now_, until);
      return false;
    }
    const Entry next = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
    now_ = std::max(now_, next.when);
    if (next.target != nullptr)
      next.target->on_due(next.what);
    else
      std::exchange(actions_[next.what], nullptr)();
    return true;
  }

 private:
  struct Entry {
    TimePoint when;
    std::uint64_t number;
    Target* target;
    std::uint64_t what;
    bool operator>(const Entry& other) const {
      return std::tie(when, number) > std::tie(other.when, other.number);
    }
  };

  void push(const Entry& entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  const TimePoint start_{std::chrono::seconds(1000)};
  TimePoint now_ = start_;
  std::uint64_t next_ = 0;
  std::vector<Entry> heap_;
  std::vector<std::function<void()>> actions_;
};

}  // namespace rgtp::test
