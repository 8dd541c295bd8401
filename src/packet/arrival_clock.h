// Turns the kernel's arrival stamps (SO_TIMESTAMPNS in socket(7), wall-clock time) into the loop's monotonic
// time.
//
//     const ArrivalClock clock = ArrivalClock::read();       // after the batch was received
//     const TimePoint arrived = clock.arrival(stamp);
#pragma once

#include <algorithm>

#include <rgtp/types.h>

namespace rgtp::packet {

class ArrivalClock {
 public:
  // What waits longer than this in a socket is no case of ours: the wall clock was set.
  static constexpr Duration max_age = std::chrono::seconds(1);

  // The same moment on both clocks; `wall` since the epoch.
  constexpr ArrivalClock(TimePoint now, Duration wall) : now_(now), wall_(wall) {}
  static ArrivalClock read() {
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::steady_clock::now(), wall};
  }

  TimePoint now() const { return now_; }
  // Never in the future, and at most max_age ago.
  constexpr TimePoint arrival(Duration stamp) const {
    return now_ - std::clamp<Duration>(wall_ - stamp, Duration{}, max_age);
  }

 private:
  TimePoint now_;
  Duration wall_;
};

}  // namespace rgtp::packet
