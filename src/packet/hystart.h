// When slow start has grown enough: HyStart++ (RFC 9406). Round trips that become longer by an eighth end it,
// but only after five rounds of a quarter of the growth in which they stay longer.
#pragma once

#include <algorithm>

#include <rgtp/types.h>

namespace rgtp::packet {

class HyStart {
 public:
  enum class Phase { slow_start, conservative, over };

  void begin_round() {
    if (phase_ == Phase::conservative && ++conservative_rounds_ >= max_conservative_rounds)
      phase_ = Phase::over;
    last_round_rtt_ = round_rtt_;
    round_rtt_ = Duration::max();
    samples_ = 0;
  }

  void on_rtt(Duration rtt) {
    round_rtt_ = std::min(round_rtt_, rtt);
    if (++samples_ < min_samples || last_round_rtt_ == Duration::max()) return;
    if (phase_ == Phase::slow_start) {
      const Duration margin = std::clamp<Duration>(last_round_rtt_ / 8, min_margin, max_margin);
      if (round_rtt_ < last_round_rtt_ + margin) return;
      phase_ = Phase::conservative;
      baseline_ = round_rtt_;
      conservative_rounds_ = 0;
    } else if (phase_ == Phase::conservative && round_rtt_ < baseline_) {
      phase_ = Phase::slow_start;  // it was jitter
    }
  }

  void end() { phase_ = Phase::over; }
  void begin_again() { *this = {}; }
  Phase phase() const { return phase_; }
  // Of what slow start would add for an arrival.
  double growth() const { return phase_ == Phase::conservative ? 0.25 : 1; }

 private:
  // The RFC has eight; here a round trip is measured once a train, and there may be four trains in a round.
  static constexpr int min_samples = 4;
  static constexpr int max_conservative_rounds = 5;
  static constexpr Duration min_margin = std::chrono::milliseconds(4);
  static constexpr Duration max_margin = std::chrono::milliseconds(16);

  Phase phase_ = Phase::slow_start;
  Duration last_round_rtt_ = Duration::max();
  Duration round_rtt_ = Duration::max();
  Duration baseline_ = Duration::max();
  int samples_ = 0;
  int conservative_rounds_ = 0;
};

}  // namespace rgtp::packet
