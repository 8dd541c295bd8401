// When a pull is over before it is complete: refused, its exposer gone, or nothing heard for too long. One
// datagram never ends a pull by itself, because anybody can forge one: what ends it is the silence that
// follows.
#pragma once

#include <optional>

#include <rgtp/types.h>

#include "packet/wire.h"

namespace rgtp::packet {

// What a REFUSE that ends a pull means to its user.
Error refusal_error(Refusal reason);

class Endings {
 public:
  // While the peer seems to be gone, it is probed this often.
  static constexpr Duration suspicion_interval = std::chrono::milliseconds(250);
  // How many refusals in a row an answer without DATA takes back.
  static constexpr std::uint32_t most_taken_back = 2;

  Endings(TimePoint now, Duration idle_timeout) : idle_timeout_(idle_timeout), heard_(now) {}

  // A datagram of this pull, DATA included.
  void on_heard(TimePoint now);
  // MANIFEST or ANNOUNCE: it has the surface, whoever said otherwise before. Not for ever, since it may be
  // refused by who has it and cannot give it.
  void on_answered(TimePoint now) {
    on_heard(now);
    if (refused_at_ && taken_back_++ < most_taken_back) refused_at_.reset();
  }
  // DATA that was of use: the same.
  void on_data(TimePoint now) {
    last_data_ = now;
    refused_at_.reset();
    taken_back_ = 0;
  }
  // True for the first one since then.
  bool on_refused(TimePoint now, Refusal reason);
  // The kernel says that nobody listens there (ECONNREFUSED).
  void on_unreachable(TimePoint now);
  // Nothing is being asked for: silence means nothing.
  void on_idle(TimePoint now) { heard_ = std::max(heard_, now); }

  bool is_suspicious() const { return first_unreachable_.has_value(); }
  // The error that ends the pull now.
  std::optional<Error> verdict(TimePoint now, Duration rtt) const;
  // When to ask for the verdict again.
  TimePoint deadline(Duration rtt) const;

 private:
  TimePoint refusal_deadline(Duration rtt) const;
  TimePoint gone_deadline(Duration rtt) const;

  const Duration idle_timeout_;
  TimePoint heard_;
  bool ever_heard_ = false;
  TimePoint last_data_;
  std::optional<TimePoint> refused_at_;
  std::uint32_t taken_back_ = 0;  // refusals, since there was DATA
  Refusal reason_ = Refusal::unknown;
  std::optional<TimePoint> first_unreachable_;
  TimePoint last_unreachable_;
};

}  // namespace rgtp::packet
