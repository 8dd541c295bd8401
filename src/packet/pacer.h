// Spreads asks over time, so that their answers do not come in bursts that a queue on the path cannot hold.
#pragma once

#include <rgtp/types.h>

namespace rgtp::packet {

class Pacer {
 public:
  // What a late timer may make up for.
  static constexpr Duration max_catch_up = std::chrono::milliseconds(2);
  // The next train waits no longer than this, however low the rate: it is what would measure a better one.
  static constexpr Duration max_ahead = std::chrono::seconds(1);

  // When the next train may be asked for.
  TimePoint next() const { return next_; }
  // `rate` in bytes a second, 0 for unpaced.
  void on_ask(TimePoint now, std::uint64_t bytes, std::uint64_t rate);

 private:
  TimePoint next_;
};

}  // namespace rgtp::packet
