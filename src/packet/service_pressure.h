// How far asking holds back because the exposer is behind. Requests that wait there are a queue that the
// network does not show: 60 bytes of them stand for 64 KB of answers. Every answer says how long its request
// waited.
#pragma once

#include <rgtp/types.h>

namespace rgtp::packet {

class ServicePressure {
 public:
  // A request that waits longer than this through a whole round trip is a signal.
  static constexpr Duration high = std::chrono::milliseconds(2);
  // Below this the exposer keeps up.
  static constexpr Duration low = std::chrono::milliseconds(1);
  static constexpr double decrease = 0.85;
  static constexpr double increase = 1.05;
  static constexpr double least = 1.0 / 64;

  // An answer's service delay; `round_trip` is how often asking may fall and rise.
  void on_answer(TimePoint now, Duration service_delay, Duration round_trip);
  // A request was dropped by the exposer: it said so, or nothing came of it while it was behind.
  void on_busy(TimePoint now, Duration round_trip);

  // What rate and window are multiplied with.
  double factor() const { return factor_; }
  bool holds_back() const { return factor_ < 1; }
  // The exposer kept up lately: what is missing was not dropped by it.
  bool keeps_up() const { return latest_ <= low; }

 private:
  void fall(TimePoint now, Duration round_trip);

  double factor_ = 1;
  Duration latest_{};
  Duration least_delay_ = Duration::max();  // of this round
  TimePoint round_began_;
  TimePoint fell_at_;
};

}  // namespace rgtp::packet
