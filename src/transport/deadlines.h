// The armed timers of a loop, ordered by time, over one kernel timer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include <rgtp/types.h>

namespace rgtp::transport {

class Deadlines {
 public:
  // Names an armed deadline; never used twice.
  struct Key {
    TimePoint when;
    std::uint64_t number = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  Key add(TimePoint when, std::function<void()> fire) {
    const Key key{when, next_number_++};
    armed_.emplace(key, std::move(fire));
    return key;
  }
  void remove(const Key& key) { armed_.erase(key); }
  std::optional<TimePoint> next() const {
    return armed_.empty() ? std::nullopt : std::optional(armed_.begin()->first.when);
  }
  // Calls what is due by `now`; each call may add and remove.
  void run(TimePoint now) {
    // What is added meanwhile waits for the next turn, so that this ends.
    const std::uint64_t end = next_number_;
    while (!armed_.empty() && armed_.begin()->first.when <= now && armed_.begin()->first.number < end) {
      auto due = armed_.extract(armed_.begin());
      due.mapped()();
    }
  }

 private:
  std::map<Key, std::function<void()>> armed_;
  std::uint64_t next_number_ = 0;
};

}  // namespace rgtp::transport
