#include <algorithm>
#include <array>

#include "packet/congestion.h"
#include "packet/wire.h"

namespace rgtp::packet {

namespace {

constexpr double startup_gain = 2.885;  // 2 / ln 2: doubles the rate in every round trip
constexpr double window_gain = 2.0;
constexpr std::array<double, 8> cycle_gains = {1.25, 0.75, 1, 1, 1, 1, 1, 1};
constexpr std::uint32_t first_window_slices = 10;
constexpr std::uint32_t min_window_slices = 4;
constexpr std::size_t rate_rounds = 10;
constexpr Duration min_rtt_lifetime = std::chrono::seconds(10);
constexpr Duration probe_rtt_length = std::chrono::milliseconds(200);
constexpr int rounds_without_growth = 3;
constexpr double growth = 1.25;

// The largest value of the last `rate_rounds` rounds that had one. The last of all stays until there is
// another: while little is asked for nothing is measured, and a path that is taken to carry nothing is asked
// for nothing.
class MaxFilter {
 public:
  void update(std::uint64_t value) { rounds_[now_] = std::max(rounds_[now_], value); }
  void next_round() {
    const std::uint64_t before = max();
    now_ = (now_ + 1) % rounds_.size();
    rounds_[now_] = 0;
    if (max() == 0) rounds_[now_] = before;
  }
  std::uint64_t max() const { return *std::max_element(rounds_.begin(), rounds_.end()); }

 private:
  std::array<std::uint64_t, rate_rounds> rounds_{};
  std::size_t now_ = 0;
};

class BbrLike : public CongestionController {
 public:
  explicit BbrLike(std::uint32_t slice_bytes)
      : slice_bytes_(slice_bytes), window_(std::uint64_t{first_window_slices} * slice_bytes) {}

  std::string_view name() const override { return "bbr-like"; }

  void on_arrival(const ArrivalSample& sample) override {
    const bool new_round = update_round(sample);
    update_min_rtt(sample);
    // A limited sample says that the path carries at least so much.
    if (sample.delivery_rate > 0 && (!sample.limited || sample.delivery_rate > rates_.max()))
      rates_.update(sample.delivery_rate);
    if (new_round && phase_ == Phase::startup && !sample.limited) check_growth();
    advance(sample);
    update_window(sample);
  }

  // Loss that comes without a queue says nothing about the rate that the path carries; the model reacts to
  // what arrives.
  void on_lost(const LossSample& /*sample*/) override {}
  void on_loss_was_spurious(const LossSample& /*sample*/) override {}
  void set_slice_bytes(std::uint32_t slice_bytes) override { slice_bytes_ = slice_bytes; }

  std::uint64_t window_bytes() const override {
    const std::uint64_t floor = std::uint64_t{min_window_slices} * slice_bytes_;
    if (phase_ == Phase::probe_rtt) return std::max(floor, std::min(window_, bdp(0.5)));
    return std::max(floor, window_);
  }

  std::uint64_t rate() const override {
    if (min_rtt_ == Duration{}) return 0;
    std::uint64_t base = rates_.max();
    if (phase_ == Phase::startup) {
      const double rtt = std::chrono::duration<double>(min_rtt_).count();
      base = std::max(base, static_cast<std::uint64_t>(first_window_slices * slice_bytes_ / rtt));
    }
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(base) * gain()));
  }
  std::uint64_t estimated_rate() const override { return rates_.max(); }
  Duration min_rtt() const override { return min_rtt_; }

 private:
  enum class Phase { startup, drain, probe_rate, probe_rtt };

  double gain() const {
    switch (phase_) {
      case Phase::startup: return startup_gain;
      case Phase::drain: return 1 / startup_gain;
      case Phase::probe_rate: return cycle_gains[cycle_];
      case Phase::probe_rtt: return 1;
    }
    return 1;
  }

  std::uint64_t bdp(double factor) const {
    const double seconds = std::chrono::duration<double>(min_rtt_).count();
    return static_cast<std::uint64_t>(factor * static_cast<double>(rates_.max()) * seconds);
  }

  bool update_round(const ArrivalSample& sample) {
    if (sample.asked_delivered < round_ends_at_) return false;
    round_ends_at_ = sample.delivered;
    rates_.next_round();
    return true;
  }

  void update_min_rtt(const ArrivalSample& sample) {
    if (sample.rtt == Duration{}) return;
    const bool expired = sample.now > min_rtt_at_ + min_rtt_lifetime;
    if (min_rtt_ != Duration{} && sample.rtt > min_rtt_ && !expired) return;
    // What is measured with a full window may be a queue: look at it with a small one first.
    if (expired && min_rtt_ != Duration{} && sample.rtt > min_rtt_ && phase_ == Phase::probe_rate) {
      phase_ = Phase::probe_rtt;
      phase_began_ = sample.now;
    }
    min_rtt_ = sample.rtt;
    min_rtt_at_ = sample.now;
  }

  void check_growth() {
    const std::uint64_t rate = rates_.max();
    if (static_cast<double>(rate) >= static_cast<double>(full_rate_) * growth) {
      full_rate_ = rate;
      stalled_rounds_ = 0;
      return;
    }
    if (++stalled_rounds_ >= rounds_without_growth) phase_ = Phase::drain;
  }

  void advance(const ArrivalSample& sample) {
    if (phase_ == Phase::drain && sample.in_flight <= bdp(1)) {
      phase_ = Phase::probe_rate;
      cycle_ = 2;
      phase_began_ = sample.now;
    } else if (phase_ == Phase::probe_rate && sample.now > phase_began_ + min_rtt_) {
      cycle_ = (cycle_ + 1) % cycle_gains.size();
      phase_began_ = sample.now;
    } else if (phase_ == Phase::probe_rtt &&
               sample.now > phase_began_ + std::max(probe_rtt_length, min_rtt_)) {
      phase_ = Phase::probe_rate;
      cycle_ = 0;
      phase_began_ = sample.now;
    }
  }

  void update_window(const ArrivalSample& sample) {
    // Three trains beside the product: without them a fast short path measures its own small window.
    const double factor = phase_ == Phase::startup ? startup_gain : window_gain;
    const std::uint64_t target = bdp(factor) + 3 * train_bytes_at(rates_.max(), slice_bytes_);
    if (phase_ == Phase::startup || window_ < target)
      window_ = phase_ == Phase::startup ? std::max(window_, std::min(window_ + sample.bytes, target))
                                         : std::min(window_ + sample.bytes, target);
    else
      window_ = target;
  }

  std::uint32_t slice_bytes_;
  Phase phase_ = Phase::startup;
  TimePoint phase_began_;
  std::size_t cycle_ = 0;
  MaxFilter rates_;
  std::uint64_t round_ends_at_ = 0;
  std::uint64_t full_rate_ = 0;
  int stalled_rounds_ = 0;
  Duration min_rtt_{};
  TimePoint min_rtt_at_;
  std::uint64_t window_;
};

}  // namespace

std::unique_ptr<CongestionController> make_bbr_like(std::uint32_t slice_bytes) {
  return std::make_unique<BbrLike>(slice_bytes);
}

}  // namespace rgtp::packet
