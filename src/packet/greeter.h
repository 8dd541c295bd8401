// When to say HELLO: to begin with, until it is answered, and to renew the cookie in time.
#pragma once

#include <optional>

#include <rgtp/types.h>

namespace rgtp::packet {

class Greeter {
 public:
  // Between two HELLO that are not answered: doubled every time.
  static constexpr Duration first_interval = std::chrono::milliseconds(200);
  // No part of a second: under a flood an exposer answers strangers in each second's beginning alone, which a
  // puller in step with it would always miss.
  static constexpr Duration max_interval = std::chrono::milliseconds(370);

  // When to send the next one at the latest, if that is due. `limit` is a shorter interval, where the peer
  // seems to be gone.
  TimePoint again(std::optional<Duration> limit) const;
  void on_sent(TimePoint now);
  void on_answered() { unanswered_ = 0; }
  // What came was no answer to go by: ask again at once.
  void hurry() { hurries_ = true; }
  bool hurries() const { return hurries_; }

  // The last one; there was one.
  TimePoint sent_at() const { return *sent_at_; }

  // Slices of the surface's beginning that follow the answer. They have the pull's first ask numbers
  // whichever HELLO is answered, so that each of them asks for the same: settled once, with what the path
  // carried then.
  void want(std::uint32_t slices, std::uint16_t slice_capacity) {
    slices_wanted_ = slices;
    slice_capacity_ = slice_capacity;
  }
  std::uint32_t slices_wanted() const { return slices_wanted_; }
  std::uint16_t slice_capacity() const { return slice_capacity_; }

 private:
  std::optional<TimePoint> sent_at_;
  bool hurries_ = false;
  std::uint32_t unanswered_ = 0;
  std::uint32_t slices_wanted_ = 0;
  std::uint16_t slice_capacity_ = 0;
};

}  // namespace rgtp::packet
