// How long a pull has waited for slices in vain, and what to make of it. Time in which it waits for no data,
// because nothing is wanted or nothing of it is published, is no stall.
//
//     if (watch.on_look(now, waits_for) == Silence::expected) endings.on_idle(now);
//     watch.restart(now);                                   when a slice came that was missing
//     if (now >= watch.stuck_at(probe_timeout)) ask_from_scratch();
#pragma once

#include <algorithm>
#include <utility>

#include <rgtp/types.h>

namespace rgtp::packet {

class StallWatch {
 public:
  enum class WaitsFor { nothing, announcements, data };
  // What it means that nothing at all comes from the exposer. Polls are answered, though there may be no data
  // for long.
  enum class Silence { telling, expected };

  // So many probe timeouts in a row, with nothing of use for so long, make a black hole. On a short path the
  // timeouts are a few milliseconds, for which a busy host may be silent too.
  static constexpr std::uint32_t black_hole_probes = 4;
  static constexpr Duration black_hole_silence = std::chrono::milliseconds(250);
  // The last resort waits for so long, and for so many probe timeouts.
  static constexpr Duration stuck_after = std::chrono::seconds(1);
  static constexpr int stuck_after_probe_timeouts = 8;

  explicit StallWatch(TimePoint now) : since_(now) {}

  // What the pull waits for now. While nothing is wanted nothing can be heard: silence counts from when there
  // is something again.
  Silence on_look(TimePoint now, WaitsFor waits_for) {
    const WaitsFor before = std::exchange(waits_for_, waits_for);
    if (before != WaitsFor::data || waits_for != WaitsFor::data) since_ = now;
    const bool idle = before == WaitsFor::nothing || waits_for == WaitsFor::nothing;
    return idle ? Silence::expected : Silence::telling;
  }
  // The wait begins anew: a slice came that was missing, asking began, or began from scratch.
  void restart(TimePoint now) { since_ = now; }

  // Nothing gets through, however often it is asked for: perhaps because slices are longer than the path
  // carries now.
  bool is_black_hole(TimePoint now, std::uint32_t probes_in_a_row) const {
    return probes_in_a_row >= black_hole_probes && now >= since_ + black_hole_silence;
  }
  // When to ask from scratch, whatever the books say.
  TimePoint stuck_at(Duration probe_timeout) const {
    return since_ + std::max<Duration>(stuck_after, stuck_after_probe_timeouts * probe_timeout);
  }

 private:
  TimePoint since_;
  WaitsFor waits_for_ = WaitsFor::data;  // when last looked at
};

}  // namespace rgtp::packet
