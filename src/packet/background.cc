// LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus): holds the queue that it finds and makes below a target, grows
// more slowly than Reno and shrinks in proportion, so that whatever else uses the path comes first. Pauses at
// intervals, to see the round trip without its own queue. Windows count slices.
#include <algorithm>
#include <cmath>

#include "packet/congestion.h"
#include "packet/path_estimate.h"

namespace rgtp::packet {

namespace {

constexpr Duration target = std::chrono::milliseconds(60);
constexpr Duration base_lifetime = std::chrono::minutes(10);
constexpr double first_window = 2;
constexpr double least_window = 2;
constexpr double most_divisor = 16;
constexpr double pace_gain = 1.25;
constexpr int rounds_before_pause = 2;  // the first one, after slow start
constexpr int pause_rounds = 2;
constexpr int run_for_pauses = 9;  // as long as a pause and the growth after it have taken

class Background : public CongestionController {
 public:
  explicit Background(std::uint32_t slice_bytes) : slice_bytes_(slice_bytes) {}

  std::string_view name() const override { return "background"; }

  void on_arrival(const ArrivalSample& sample) override {
    delivered_ = sample.delivered;
    if (path_.on_arrival(sample)) begin_round(sample.now);
    if (sample.rtt > Duration{}) round_rtt_ = std::min(round_rtt_, sample.rtt);
    if (sample.marked > 0 && sample.asked_delivered >= delivered_at_cut_) return halve(sample.now);
    const double arrived = static_cast<double>(sample.bytes) / slice_bytes_;
    if (now_.phase == Phase::pause || sample.limited) return;
    if (now_.phase == Phase::slow_start)
      grow_fast(sample.now, arrived);
    else if (queue() < target)
      now_.window += gain() * arrived / now_.window;
  }

  void on_lost(const LossSample& sample) override {
    if (sample.asked_at > cut_at_) {
      before_ = now_;
      halve(sample.now);
    }
    losses_of_cut_ += sample.slices;
  }

  void on_loss_was_spurious(const LossSample& sample) override {
    if (losses_of_cut_ == 0 || sample.asked_at > cut_at_) return;
    losses_of_cut_ -= std::min<std::uint64_t>(losses_of_cut_, sample.slices);
    const bool paused_since = now_.pause_began != before_.pause_began;
    if (losses_of_cut_ == 0 && !paused_since && before_.window > now_.window) now_ = before_;
  }

  void set_slice_bytes(std::uint32_t slice_bytes) override {
    const double factor = static_cast<double>(slice_bytes_) / slice_bytes;
    slice_bytes_ = slice_bytes;
    for (State* const state : {&now_, &before_}) {
      state->window = std::max(least_window, state->window * factor);
      state->threshold *= factor;
    }
  }

  std::uint64_t window_bytes() const override {
    return static_cast<std::uint64_t>(now_.window * slice_bytes_);
  }
  std::uint64_t rate() const override {
    return path_.pace(now_.window * slice_bytes_, now_.phase == Phase::slow_start ? 2 : pace_gain);
  }
  std::uint64_t estimated_rate() const override { return path_.rate(); }
  Duration min_rtt() const override { return path_.min_rtt(); }

 private:
  enum class Phase { slow_start, steady, pause };

  // What a spurious loss gives back.
  struct State {
    Phase phase = Phase::slow_start;
    double window = first_window;
    double threshold = 1e15;  // where slow start ends
    bool is_first = true;     // slow start
    int rounds_left = 0;      // until a pause begins, or ends
    TimePoint pause_began;
    TimePoint pause_at = TimePoint::max();
  };

  // What this round's shortest round trip has beside the path's: a burst is no queue.
  Duration queue() const {
    const Duration rtt = std::min(round_rtt_, last_round_rtt_);
    return rtt == Duration::max() ? Duration{} : rtt - path_.min_rtt();
  }

  // Slices a round trip: a 16th of Reno's growth on paths that are short beside the target.
  double gain() const {
    if (path_.min_rtt() == Duration{}) return 1 / most_divisor;
    const double ratio = 2 * std::chrono::duration<double>(target) / path_.min_rtt();
    return 1 / std::min(most_divisor, std::ceil(ratio));
  }

  void begin_round(TimePoint now) {
    last_round_rtt_ = round_rtt_;
    round_rtt_ = Duration::max();
    if (now_.phase == Phase::steady) {
      if (queue() >= target) shrink();
      if (now >= now_.pause_at || (now_.rounds_left > 0 && --now_.rounds_left == 0)) pause(now);
    } else if (now_.phase == Phase::pause && --now_.rounds_left <= 0) {
      now_.phase = Phase::slow_start;
    }
  }

  // By what the queue has too much, but at most by half.
  void shrink() {
    const double too_much = std::chrono::duration<double>(queue()) / target - 1;
    now_.window += std::max(gain() - now_.window * too_much, -now_.window / 2);
    now_.window = std::max(now_.window, least_window);
  }

  // Back to where it was, or to three quarters of the target the first time.
  void grow_fast(TimePoint now, double arrived) {
    now_.window = std::min(now_.window + gain_in_slow_start() * arrived, now_.threshold);
    if (now_.window < now_.threshold && queue() <= target * 3 / 4) return;
    now_.phase = Phase::steady;
    if (now_.is_first) {
      now_.is_first = false;
      now_.rounds_left = rounds_before_pause;
      return;
    }
    now_.rounds_left = 0;
    now_.pause_at = now + run_for_pauses * (now - now_.pause_began);
  }

  double gain_in_slow_start() const { return now_.is_first ? gain() : 1; }

  void pause(TimePoint now) {
    now_.phase = Phase::pause;
    now_.pause_began = now;
    now_.pause_at = TimePoint::max();
    now_.rounds_left = pause_rounds;
    now_.threshold = now_.window;
    now_.window = least_window;
  }

  void halve(TimePoint now) {
    cut_at_ = now;
    delivered_at_cut_ = delivered_;
    losses_of_cut_ = 0;
    // In a pause the window is as small as it gets: what comes after it is halved.
    if (now_.phase != Phase::pause) now_.threshold = now_.window;
    now_.threshold = std::max(least_window, now_.threshold / 2);
    now_.window = std::min(now_.window, now_.threshold);
  }

  std::uint32_t slice_bytes_;
  State now_;
  State before_;  // the last cut
  PathEstimate path_{base_lifetime};
  Duration round_rtt_ = Duration::max();
  Duration last_round_rtt_ = Duration::max();
  std::uint64_t delivered_ = 0;
  std::uint64_t delivered_at_cut_ = 0;
  TimePoint cut_at_ = TimePoint::min();
  std::uint64_t losses_of_cut_ = 0;
};

}  // namespace

std::unique_ptr<CongestionController> make_background(std::uint32_t slice_bytes) {
  return std::make_unique<Background>(slice_bytes);
}

}  // namespace rgtp::packet
