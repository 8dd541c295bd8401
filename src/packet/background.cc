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
    if (phase_ == Phase::pause || sample.limited) return;
    if (phase_ == Phase::slow_start)
      grow_fast(sample.now, arrived);
    else if (queue() < target)
      window_ += gain() * arrived / window_;
  }

  void on_lost(const LossSample& sample) override {
    if (sample.asked_at <= cut_at_) return;
    before_ = window_;
    losses_of_cut_ = sample.slices;
    halve(sample.now);
  }

  void on_loss_was_spurious(const LossSample& sample) override {
    if (losses_of_cut_ == 0 || sample.asked_at > cut_at_) return;
    losses_of_cut_ -= std::min<std::uint64_t>(losses_of_cut_, sample.slices);
    if (losses_of_cut_ == 0 && phase_ == Phase::steady) window_ = std::max(window_, before_);
  }

  void set_slice_bytes(std::uint32_t slice_bytes) override {
    const double factor = static_cast<double>(slice_bytes_) / slice_bytes;
    slice_bytes_ = slice_bytes;
    window_ = std::max(least_window, window_ * factor);
    threshold_ *= factor;
    before_ *= factor;
  }

  std::uint64_t window_bytes() const override { return static_cast<std::uint64_t>(window_ * slice_bytes_); }
  std::uint64_t rate() const override {
    return path_.pace(window_ * slice_bytes_, phase_ == Phase::slow_start ? 2 : pace_gain);
  }
  std::uint64_t estimated_rate() const override { return path_.rate(); }
  Duration min_rtt() const override { return path_.min_rtt(); }

 private:
  enum class Phase { slow_start, steady, pause };

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
    if (phase_ == Phase::steady) {
      if (queue() >= target) shrink();
      if (now >= pause_at_ || (rounds_left_ > 0 && --rounds_left_ == 0)) pause(now);
    } else if (phase_ == Phase::pause && --rounds_left_ <= 0) {
      phase_ = Phase::slow_start;
    }
  }

  // By what the queue has too much, but at most by half.
  void shrink() {
    const double too_much = std::chrono::duration<double>(queue()) / target - 1;
    window_ += std::max(gain() - window_ * too_much, -window_ / 2);
    window_ = std::max(window_, least_window);
  }

  // Back to where it was, or to three quarters of the target the first time.
  void grow_fast(TimePoint now, double arrived) {
    window_ = std::min(window_ + gain_in_slow_start() * arrived, threshold_);
    if (window_ < threshold_ && queue() <= target * 3 / 4) return;
    phase_ = Phase::steady;
    if (is_first_) {
      is_first_ = false;
      rounds_left_ = rounds_before_pause;
      return;
    }
    rounds_left_ = 0;
    pause_at_ = now + run_for_pauses * (now - pause_began_);
  }

  double gain_in_slow_start() const { return is_first_ ? gain() : 1; }

  void pause(TimePoint now) {
    phase_ = Phase::pause;
    pause_began_ = now;
    pause_at_ = TimePoint::max();
    rounds_left_ = pause_rounds;
    threshold_ = window_;
    window_ = least_window;
  }

  void halve(TimePoint now) {
    cut_at_ = now;
    delivered_at_cut_ = delivered_;
    window_ = std::max(least_window, window_ / 2);
    threshold_ = std::max(least_window, std::min(threshold_, window_));
  }

  std::uint32_t slice_bytes_;
  Phase phase_ = Phase::slow_start;
  double window_ = first_window;
  double threshold_ = 1e15;  // where slow start ends
  double before_ = 0;        // the last cut
  PathEstimate path_{base_lifetime};
  Duration round_rtt_ = Duration::max();
  Duration last_round_rtt_ = Duration::max();
  bool is_first_ = true;  // slow start
  int rounds_left_ = 0;   // until a pause begins, or ends
  TimePoint pause_began_;
  TimePoint pause_at_ = TimePoint::max();
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
