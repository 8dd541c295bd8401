// A congestion controller on a path that is a formula: what is asked for in a round trip arrives in it.
#pragma once

#include <gtest/gtest.h>

#include "packet/congestion.h"
#include "support/datagrams.h"

namespace rgtp::packet::test_support {

class ControllerTest : public testing::Test {
 protected:
  static constexpr std::uint32_t slice_bytes = 1500;

  double window() const { return static_cast<double>(controller_->window_bytes()) / slice_bytes; }

  // One round trip: a window of slices, evenly spread; of them `marked` carry the mark.
  void round(Duration rtt, std::uint32_t marked = 0) {
    const std::uint64_t slices = std::max<std::uint64_t>(1, controller_->window_bytes() / slice_bytes);
    const std::uint64_t asked_delivered = delivered_;
    const TimePoint began = now_;
    for (std::uint64_t i = 0; i < slices; ++i) {
      now_ = began + rtt * static_cast<std::int64_t>(i + 1) / static_cast<std::int64_t>(slices);
      arrive(rtt, asked_delivered, i < marked ? 1 : 0);
    }
  }
  void arrive(Duration rtt, std::uint64_t asked_delivered, std::uint32_t marked = 0) {
    delivered_ += slice_bytes;
    const double seconds = std::chrono::duration<double>(rtt).count();
    controller_->on_arrival({.now = now_,
                             .asked_at = now_ - rtt,
                             .bytes = slice_bytes,
                             .slices = 1,
                             .marked = marked,
                             .rtt = rtt,
                             .delivery_rate = static_cast<std::uint64_t>(window() * slice_bytes / seconds),
                             .limited = limited_,
                             .delivered = delivered_,
                             .asked_delivered = asked_delivered,
                             .in_flight = controller_->window_bytes()});
  }
  void rounds_for(Duration length, Duration rtt) {
    for (const TimePoint end = now_ + length; now_ < end;) round(rtt);
  }
  // As on a bottleneck: what a window has beyond rate x round trip waits.
  Duration rtt_over(double rate, Duration round_trip) const {
    const double seconds = static_cast<double>(controller_->window_bytes()) / rate;
    return std::max(round_trip, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
  }
  LossSample loss(TimePoint asked_at, std::uint32_t slices = 1) const {
    return {.now = now_,
            .asked_at = asked_at,
            .bytes = std::uint64_t{slices} * slice_bytes,
            .slices = slices,
            .in_flight = controller_->window_bytes()};
  }

  std::unique_ptr<CongestionController> controller_;
  TimePoint now_ = test::start_time;
  std::uint64_t delivered_ = 0;
  bool limited_ = false;
};

}  // namespace rgtp::packet::test_support
