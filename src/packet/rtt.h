// Round-trip time: smoothed, its variation, and the probe timeout that follows (RFC 9002, sections 5
// and 6.2).
#pragma once

#include <rgtp/types.h>

namespace rgtp::packet {

class RttEstimator {
 public:
  static constexpr Duration granularity = std::chrono::milliseconds(1);
  static constexpr Duration initial_rtt = std::chrono::milliseconds(100);

  void on_sample(Duration rtt);

  bool has_sample() const { return latest_ > Duration{}; }
  Duration smoothed() const { return smoothed_; }
  Duration latest() const { return latest_; }
  // How long an answer may reasonably take.
  Duration probe_timeout() const;

 private:
  Duration smoothed_ = initial_rtt;
  Duration variation_ = initial_rtt / 2;
  Duration latest_{};
};

}  // namespace rgtp::packet
