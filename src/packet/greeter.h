// When to say HELLO: to begin with, until it is answered, and to renew the cookie in time.
#pragma once

#include <optional>

#include <rgtp/types.h>

namespace rgtp::packet {

class Greeter {
 public:
  // Between two HELLO that are not answered: doubled every time.
  static constexpr Duration first_interval = std::chrono::milliseconds(200);
  static constexpr Duration max_interval = std::chrono::milliseconds(500);

  // When to send the next one at the latest, if that is due. `limit` is a shorter interval, where the peer
  // seems to be gone.
  TimePoint again(std::optional<Duration> limit) const;
  void on_sent(TimePoint now, std::uint32_t slices_wanted);
  void on_answered() { unanswered_ = 0; }

  // The last one; there was one.
  TimePoint sent_at() const { return *sent_at_; }
  // Slices that it asked for.
  std::uint32_t slices_wanted() const { return slices_wanted_; }

 private:
  std::optional<TimePoint> sent_at_;
  std::uint32_t unanswered_ = 0;
  std::uint32_t slices_wanted_ = 0;
};

}  // namespace rgtp::packet
