// When a puller's own address may have changed, though sending works: nothing at all has come from an exposer
// for two probe timeouts. One pull that hears nothing while others do is no reason: a new socket costs them
// the answers that are on their way, and everybody a round trip for the new cookie.
#pragma once

#include <algorithm>

#include <rgtp/types.h>

namespace rgtp::packet {

class SilenceWatch {
 public:
  void on_heard(TimePoint now) {
    since_ = std::max(since_, now);
    patience_ = least_patience;
  }
  // Whether to try a new socket now, where a pull says that it is silent. `answer_time` is how long an answer
  // may take: the first comes after two of them, and each further one after twice as many as the one before,
  // since a crowd that a busy exposer leaves waiting would greet it all the time.
  bool is_due(TimePoint now, Duration answer_time) const { return now >= since_ + patience_ * answer_time; }
  void on_tried() { patience_ = std::min(2 * patience_, most_patience); }
  // For whatever reason: it has its time to hear something too.
  void on_new_socket(TimePoint now) { since_ = std::max(since_, now); }

 private:
  // In answer times.
  static constexpr int least_patience = 2;
  static constexpr int most_patience = 8;

  TimePoint since_;
  int patience_ = least_patience;
};

}  // namespace rgtp::packet
