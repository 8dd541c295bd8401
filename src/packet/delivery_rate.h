// How fast what was asked for arrives, measured per train over the longer of the ask and the arrival interval
// (after draft-cheng-iccrg-delivery-rate-estimation, with asks in the place of sends).
#pragma once

#include <rgtp/types.h>

namespace rgtp::packet {

class DeliveryRate {
 public:
  // Taken when a train is asked for, and kept with it.
  struct Snapshot {
    std::uint64_t delivered = 0;
    TimePoint delivered_at;
    TimePoint first_asked;
    TimePoint asked_at;
    bool limited = false;  // there was less to ask for than the window allowed
  };

  struct Sample {
    std::uint64_t bytes_per_second = 0;  // 0 where the interval was too short to say
    bool limited = false;
  };

  enum class InFlight { none, some };
  Snapshot on_ask(TimePoint now, InFlight before);
  // `min_rtt`: shorter intervals say more about batching than about the path.
  Sample on_arrival(TimePoint now, const Snapshot& asked, std::uint64_t bytes, Duration min_rtt);
  // There is nothing more to ask for just now, with so much in flight.
  void on_limited(std::uint64_t in_flight) { limited_until_ = delivered_ + in_flight + 1; }

  std::uint64_t delivered() const { return delivered_; }

 private:
  std::uint64_t delivered_ = 0;
  std::uint64_t limited_until_ = 0;
  TimePoint delivered_at_;
  TimePoint first_asked_;
};

}  // namespace rgtp::packet
