#include "packet/rtt.h"

#include <algorithm>

namespace rgtp::packet {

void RttEstimator::on_sample(Duration rtt) {
  rtt = std::max(rtt, Duration(1));
  if (!has_sample()) {
    smoothed_ = rtt;
    variation_ = rtt / 2;
  } else {
    const Duration off = smoothed_ > rtt ? smoothed_ - rtt : rtt - smoothed_;
    variation_ = (3 * variation_ + off) / 4;
    smoothed_ = (7 * smoothed_ + rtt) / 8;
  }
  latest_ = rtt;
}

Duration RttEstimator::probe_timeout() const { return smoothed_ + std::max(4 * variation_, granularity); }

}  // namespace rgtp::packet
