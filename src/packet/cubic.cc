// CUBIC (RFC 9438) with HyStart++ (RFC 9406), an answer to marks after RFC 8511, and undo of what spurious
// losses did. A window counts slices in the place of segments.
#include <algorithm>
#include <cmath>
#include <utility>

#include "packet/congestion.h"
#include "packet/hystart.h"
#include "packet/path_estimate.h"

namespace rgtp::packet {

namespace {

constexpr double c = 0.4;
constexpr double beta = 0.7;
constexpr double beta_marked = 0.85;
constexpr double reno_growth = 3 * (1 - beta) / (1 + beta);  // as fast as Reno with its beta of a half
constexpr double first_window = 10;
constexpr double least_window = 2;
constexpr double pace_gain = 1.25;
constexpr double slow_start_pace_gain = 2;
constexpr Duration min_rtt_lifetime = std::chrono::seconds(10);

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

class Cubic : public CongestionController {
 public:
  explicit Cubic(std::uint32_t slice_bytes) : slice_bytes_(slice_bytes) {}

  std::string_view name() const override { return "cubic"; }

  void on_arrival(const ArrivalSample& sample) override {
    const bool new_round = path_.on_arrival(sample);
    delivered_ = sample.delivered;
    const Duration since = sample.now - std::exchange(arrived_at_, sample.now);
    if (in_slow_start()) follow_round_trips(sample, new_round);
    if (sample.marked > 0 && sample.asked_delivered >= delivered_at_cut_) return cut_for_mark(sample.now);
    // What was asked for before the window was cut says nothing of how the path takes the smaller one (RFC
    // 9002, section 7.3.2); the curve begins behind it.
    if (is_recovering_) {
      if (sample.asked_at <= cut_at_) return;
      is_recovering_ = false;
      begin_epoch(sample.now);
    }
    if (sample.limited) {
      now_.epoch += since;  // the curve goes on from where it was
      return;
    }
    const double arrived = static_cast<double>(sample.bytes) / slice_bytes_;
    if (in_slow_start())
      now_.window += arrived * hystart_.growth();
    else
      follow_curve(sample.now, arrived);
  }

  void on_lost(const LossSample& sample) override {
    if (sample.asked_at > cut_at_) {
      before_ = now_;
      cut(sample.now, beta);
      can_undo_ = true;
    }
    if (is_of_last_cut(sample.asked_at)) losses_of_cut_ += sample.slices;
  }

  void on_loss_was_spurious(const LossSample& sample) override {
    if (!can_undo_ || !is_of_last_cut(sample.asked_at) || losses_of_cut_ == 0) return;
    losses_of_cut_ -= std::min<std::uint64_t>(losses_of_cut_, sample.slices);
    if (losses_of_cut_ > 0 || now_.window > before_.window) return;
    now_ = before_;
    cut_at_ = cut_before_at_;
    is_recovering_ = false;
    if (in_slow_start()) hystart_.begin_again();
  }

  void set_slice_bytes(std::uint32_t slice_bytes) override {
    const double factor = static_cast<double>(slice_bytes_) / slice_bytes;
    slice_bytes_ = slice_bytes;
    for (State* const state : {&now_, &before_})
      for (double* const slices :
           {&state->window, &state->threshold, &state->most, &state->reno, &state->prior})
        *slices *= factor;
    now_.window = std::max(now_.window, least_window);
  }

  std::uint64_t window_bytes() const override {
    return static_cast<std::uint64_t>(now_.window * slice_bytes_);
  }
  std::uint64_t rate() const override {
    return path_.pace(now_.window * slice_bytes_, in_slow_start() ? slow_start_pace_gain : pace_gain);
  }
  std::uint64_t estimated_rate() const override { return path_.rate(); }
  Duration min_rtt() const override { return path_.min_rtt(); }

 private:
  // What a spurious loss gives back, in slices.
  struct State {
    double window = first_window;
    double threshold = 1e15;  // where slow start ends
    double most = 0;          // W_max
    double prior = 0;         // the window before the cut
    double reno = 0;          // W_est
    double k = 0;             // seconds from the epoch until W_max is reached
    TimePoint epoch;
  };

  bool in_slow_start() const { return now_.window < now_.threshold; }
  bool is_of_last_cut(TimePoint asked_at) const { return asked_at <= cut_at_ && asked_at > cut_before_at_; }

  void follow_round_trips(const ArrivalSample& sample, bool new_round) {
    if (new_round) hystart_.begin_round();
    if (sample.rtt > Duration{}) hystart_.on_rtt(sample.rtt);
    if (hystart_.phase() != HyStart::Phase::over) return;
    now_.threshold = now_.window;
    now_.prior = now_.window;
    now_.most = now_.window;
    begin_epoch(sample.now);
  }

  void begin_epoch(TimePoint now) {
    now_.epoch = now;
    now_.reno = now_.window;
    now_.k = std::cbrt((now_.most - now_.window) / c);
  }

  double curve(double t) const { return c * std::pow(t - now_.k, 3) + now_.most; }

  void follow_curve(TimePoint now, double arrived) {
    const double t = seconds(now - now_.epoch);
    now_.reno += (now_.reno < now_.prior ? reno_growth : 1) * arrived / now_.window;
    if (curve(t) < now_.reno) {
      now_.window = std::max(now_.window, now_.reno);
      return;
    }
    const double target =
        std::clamp(curve(t + seconds(path_.smoothed_rtt())), now_.window, 1.5 * now_.window);
    now_.window += (target - now_.window) / now_.window * arrived;
  }

  void cut_for_mark(TimePoint now) {
    cut(now, beta_marked);
    can_undo_ = false;  // a mark is never spurious
  }

  // Losses of what was asked for before this are of the same cut.
  void cut(TimePoint now, double factor) {
    cut_before_at_ = std::exchange(cut_at_, now);
    delivered_at_cut_ = delivered_;
    losses_of_cut_ = 0;
    now_.prior = now_.window;
    // Fast convergence: whoever has less than the last time leaves room to those who have just come.
    now_.most = now_.window < now_.most ? now_.window * (1 + factor) / 2 : now_.window;
    now_.window = std::max(least_window, now_.window * factor);
    now_.threshold = now_.window;
    hystart_.end();
    is_recovering_ = true;
  }

  std::uint32_t slice_bytes_;
  State now_;
  State before_;
  PathEstimate path_{min_rtt_lifetime};
  HyStart hystart_;
  TimePoint arrived_at_;
  std::uint64_t delivered_ = 0;
  std::uint64_t delivered_at_cut_ = 0;
  TimePoint cut_at_ = TimePoint::min();
  TimePoint cut_before_at_ = TimePoint::min();
  std::uint64_t losses_of_cut_ = 0;
  bool can_undo_ = false;
  bool is_recovering_ = false;  // nothing has come yet that was asked for after the cut
};

}  // namespace

std::unique_ptr<CongestionController> make_cubic(std::uint32_t slice_bytes) {
  return std::make_unique<Cubic>(slice_bytes);
}

}  // namespace rgtp::packet
