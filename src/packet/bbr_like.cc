#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "packet/congestion.h"
#include "packet/loss_bound.h"
#include "packet/loss_model.h"
#include "packet/path_estimate.h"

namespace rgtp::packet {

namespace {

constexpr double startup_gain = 2.885;  // 2 / ln 2: doubles the rate in every round trip
constexpr double window_gain = 2.0;
constexpr std::array<double, 8> cycle_gains = {1.25, 0.75, 1, 1, 1, 1, 1, 1};
constexpr std::uint32_t min_window_slices = 4;
constexpr int longest_slow_phase = 4;  // round trips
// For so long a host may keep a process from its processor: on shorter paths that, and not the network, is
// the round trip.
constexpr Duration host_time = std::chrono::milliseconds(1);
constexpr Duration min_rtt_lifetime = std::chrono::seconds(10);
constexpr Duration queue_noise = std::chrono::microseconds(500);
constexpr Duration standing_queue = std::chrono::seconds(1);
constexpr Duration probe_rtt_length = std::chrono::milliseconds(200);
constexpr int rounds_without_growth = 3;
constexpr double growth = 1.25;
// Of what is asked for, beyond what chance loses.
constexpr double max_excess_loss = 0.02;
// In a round trip: with fewer, loss counts whether a queue is seen or not, and is made up for with more.
constexpr std::uint32_t few_slices = 8;
constexpr std::uint32_t make_up_slices = 32;
// Enough for a fifth lost on both ways each; with less the estimate decays at such loss to the smallest
// window.
constexpr double max_make_up = 1.7;

// The longest round trip of the last five to ten seconds.
class LongestRtt {
 public:
  void update(TimePoint now, Duration rtt) {
    if (now > began_ + min_rtt_lifetime / 2) {
      before_ = std::exchange(longest_, Duration{});
      began_ = now;
    }
    longest_ = std::max(longest_, rtt);
  }
  Duration max() const { return std::max(before_, longest_); }

 private:
  TimePoint began_;
  Duration longest_{};
  Duration before_{};
};

class BbrLike : public CongestionController {
 public:
  explicit BbrLike(std::uint32_t slice_bytes)
      : slice_bytes_(slice_bytes), window_(std::uint64_t{first_window_slices} * slice_bytes) {}

  std::string_view name() const override { return "bbr-like"; }

  void on_arrival(const ArrivalSample& sample) override {
    const bool new_round = rounds_.on_arrival(sample);
    if (new_round) rates_.next_round();
    peaks_[0] = std::max(peaks_[0], sample.in_flight + sample.bytes);
    update_min_rtt(sample);
    if (sample.rtt > Duration{}) update_queue(sample);
    // A limited sample says that the path carries at least so much.
    if (sample.delivery_rate > 0 && (!sample.limited || sample.delivery_rate > rates_.value()))
      rates_.update(sample.delivery_rate);
    losses_.on_arrival(sample.slices - sample.marked, pace_of(sample.phase), queue_);
    if (sample.marked > 0) {
      // A mark is a loss that cost nothing, and never one by chance.
      marked_at_ = sample.now;
      losses_.on_lost(sample.marked, bound_.has_answered(sample.asked_at) ? 0 : sample.marked,
                      pace_of(sample.phase), Queue::seen);
    }
    if (new_round) on_round(sample);
    advance(sample);
    grow(sample.bytes);
  }

  void on_lost(const LossSample& sample) override {
    losses_.on_lost(sample.slices, counted(sample), pace_of(sample.phase), queue_);
    // By arrivals alone a start would grow more slowly by what chance loses of it.
    if (!is_filling()) return;
    const std::uint64_t before = window_;
    grow(sample.bytes);
    grown_by_losses_ += window_ - before;
  }
  void on_loss_was_spurious(const LossSample& sample) override {
    losses_.on_spurious(sample.slices, counted(sample), pace_of(sample.phase), queue_);
    bound_.undo(sample.asked_at, sample.slices);
    if (phase_ != Phase::startup) return;
    const std::uint64_t too_much = std::min(sample.bytes, grown_by_losses_);
    window_ -= too_much;
    grown_by_losses_ -= too_much;
  }
  void set_slice_bytes(std::uint32_t slice_bytes) override { slice_bytes_ = slice_bytes; }

  std::uint64_t window_bytes() const override {
    const std::uint64_t floor = smallest_window();
    const std::uint64_t window = std::min(window_, bound_.value());
    if (phase_ == Phase::probe_rtt) return std::max(floor, std::min(window, bdp(0.5)));
    return std::max(floor, window);
  }

  std::uint64_t rate() const override {
    // The first window is not paced: there is nothing yet to pace it by.
    if (min_rtt_ == Duration{} || rates_.value() == 0) return 0;
    double rate = static_cast<double>(rates_.value()) * gain() * make_up_;
    // What is measured is a round trip old: of a window that doubles in each it is half, or less.
    const double seconds = std::chrono::duration<double>(min_rtt_).count();
    if (is_filling()) rate = std::max(rate, 2 * static_cast<double>(window_) / seconds);
    // Of so few slices a round may well lose most: an estimate by them would go on falling without a queue.
    if (queue_ == Queue::none) rate = std::max(rate, static_cast<double>(smallest_window()) / seconds);
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rate));
  }
  std::uint64_t estimated_rate() const override { return rates_.value(); }
  Duration min_rtt() const override { return min_rtt_; }

  std::uint8_t phase() const override {
    if (phase_ == Phase::startup || phase_ == Phase::probe_rtt)
      return static_cast<std::uint8_t>(Pace::unknown);
    if (gain() > 1) return static_cast<std::uint8_t>(Pace::above);
    return static_cast<std::uint8_t>(gain() < 1 ? Pace::below : Pace::level);
  }

 private:
  using Pace = LossModel::Pace;
  using Queue = LossModel::Queue;
  using Doubt = LossModel::Doubt;
  enum class Phase { startup, drain, probe_rate, probe_rtt };

  static Pace pace_of(std::uint8_t phase) { return static_cast<Pace>(phase); }
  // Against the rate.
  double counted(const LossSample& sample) const {
    if (bound_.has_answered(sample.asked_at)) return 0;
    return sample.request ? static_cast<double>(sample.slices) / sample.train_slices : sample.slices;
  }

  double gain() const {
    switch (phase_) {
      case Phase::startup: return startup_gain;
      case Phase::drain: return 1 / startup_gain;
      case Phase::probe_rate: return cycle_gains[cycle_];
      case Phase::probe_rtt: return 1;
    }
    return 1;
  }

  std::uint64_t smallest_window() const { return std::uint64_t{min_window_slices} * slice_bytes_; }

  std::uint64_t bdp(double factor) const {
    return static_cast<std::uint64_t>(factor * static_cast<double>(bytes_in(rates_.value(), min_rtt_)));
  }

  void update_min_rtt(const ArrivalSample& sample) {
    if (sample.rtt == Duration{}) return;
    // The shortest again but for noise, where queues come and go: there is nothing to look behind.
    const Duration noise = std::max(min_rtt_ / 64, std::min<Duration>(queue_noise, min_rtt_ / 32));
    if (sample.rtt <= min_rtt_ + noise && rtts_.max() - min_rtt_ > min_rtt_ / 16) min_rtt_at_ = sample.now;
    if (!is_queued(sample.rtt, min_rtt_)) drained_at_ = sample.now;
    // A queue that does not drain in slow phases is others', or the path has become longer.
    const bool stands = sample.now > drained_at_ + std::max(standing_queue, 24 * sample.rtt);
    const bool expired = stands || sample.now > min_rtt_at_ + min_rtt_lifetime;
    if (min_rtt_ != Duration{} && sample.rtt > min_rtt_ && !expired) return;
    // What is measured with a full window may be a queue: look at it with a small one first.
    if (expired && min_rtt_ != Duration{} && sample.rtt > min_rtt_ && phase_ == Phase::probe_rate) {
      phase_ = Phase::probe_rtt;
      phase_began_ = sample.now;
    }
    min_rtt_ = sample.rtt;
    min_rtt_at_ = drained_at_ = sample.now;
  }

  // The shortest round trip may have been measured behind a queue that never drains, so a queue is what lies
  // in the upper part of those that were seen lately.
  void update_queue(const ArrivalSample& sample) {
    latest_rtt_ = sample.rtt;
    rtts_.update(sample.now, sample.rtt);
    const Duration noise = std::max<Duration>(queue_noise, min_rtt_ / 64);
    const Duration bound = min_rtt_ + std::max(noise, (rtts_.max() - min_rtt_) / 4);
    queue_ = sample.rtt > bound ? Queue::seen : Queue::none;
  }

  void on_round(const ArrivalSample& sample) {
    if (phase_ == Phase::startup && !sample.limited) check_growth();
    judge_losses(sample);
    update_make_up(sample);
    std::shift_right(peaks_.begin(), peaks_.end(), 1);
    peaks_[0] = sample.in_flight;
  }

  void check_growth() {
    const std::uint64_t rate = rates_.value();
    if (static_cast<double>(rate) >= static_cast<double>(full_rate_) * growth) {
      full_rate_ = rate;
      stalled_rounds_ = 0;
      return;
    }
    if (++stalled_rounds_ >= rounds_without_growth) phase_ = Phase::drain;
  }

  // Loss beyond chance, together with a queue, is our own doing. A bound on all loss would collapse where it
  // is random; without any a neighbour that heeds loss would starve.
  void judge_losses(const ArrivalSample& sample) {
    bound_.rise(slice_bytes_, 2 * target_window());
    const bool starts = phase_ == Phase::startup;
    const bool few = !starts && !holds(few_slices);
    const Doubt doubt = starts || wide() ? Doubt::favours_chance : Doubt::favours_rate;
    const double excess = losses_.excess(doubt) - max_excess_loss;
    const bool is_excess = excess > 0 && (losses_.queue_was_seen() || few);
    // Later on, loss that is too much already for so many slices need not wait for them.
    if (!losses_.can_judge() && (starts || !is_excess)) return;
    if (is_excess && (!starts || is_queued(latest_rtt_, min_rtt_)))
      cut(sample.now, excess * losses_.judged_slices());
    losses_.begin_judgement();
  }

  void cut(TimePoint now, double excess) {
    bound_.cut(now, *std::ranges::max_element(peaks_), std::uint64_t{min_window_slices} * slice_bytes_,
               excess);
    if (phase_ == Phase::startup) phase_ = Phase::drain;
  }

  // Whether so many slices arrive in a round trip.
  bool holds(std::uint32_t slices) const {
    return bytes_in(rates_.value(), std::max(min_rtt_, host_time)) >= std::uint64_t{slices} * slice_bytes_;
  }
  // Enough of them to tell chance by.
  bool wide() const { return holds(make_up_slices); }

  // What is lost by chance is asked for beside what is to arrive: samples of the rate are short by it
  // already, and asking at the estimate would lose the same share in every round again.
  void update_make_up(const ArrivalSample& sample) {
    const bool marked = marked_at_ && sample.now < *marked_at_ + min_rtt_lifetime;
    make_up_ = wide() && !marked ? std::min(max_make_up, 1 / (1 - losses_.chance())) : 1;
  }

  void advance(const ArrivalSample& sample) {
    if (phase_ == Phase::drain && sample.in_flight <= bdp(1)) {
      phase_ = Phase::probe_rate;
      // At any of the level phases, so that pulls that start together do not probe together.
      cycle_ = 2 + static_cast<std::size_t>(sample.now.time_since_epoch() / std::chrono::microseconds(1)) % 6;
      phase_began_ = sample.now;
    } else if (phase_ == Phase::probe_rate && is_phase_over(sample)) {
      cycle_ = (cycle_ + 1) % cycle_gains.size();
      phase_began_ = sample.now;
    } else if (phase_ == Phase::probe_rtt &&
               sample.now > phase_began_ + std::max(probe_rtt_length, min_rtt_)) {
      phase_ = Phase::probe_rate;
      cycle_ = 0;
      phase_began_ = sample.now;
    }
  }

  // A slow phase lasts until no more is in flight than the path holds; where a queue is seen for some round
  // trips, since it may be more than the fast phase built: an estimate that is a little too high builds one
  // in the phases between.
  bool is_phase_over(const ArrivalSample& sample) const {
    if (gain() < 1 && static_cast<double>(sample.in_flight) <= make_up_ * static_cast<double>(bdp(1)))
      return true;
    const bool lasts = gain() < 1 && queue_ == Queue::seen;
    return sample.now > phase_began_ + (lasts ? longest_slow_phase : 1) * min_rtt_;
  }

  std::uint64_t target_window() const {
    // Three trains beside the product: without them a fast short path measures its own small window. And as
    // much as comes while a host sees to other things.
    // Once start-up has filled the path, more than twice the product overflows a queue as long as it.
    const double factor = is_filling() ? startup_gain : window_gain;
    return static_cast<std::uint64_t>(make_up_ * static_cast<double>(bdp(factor))) +
           std::max(3 * train_bytes_at(rates_.value(), slice_bytes_), bytes_in(rates_.value(), host_time));
  }

  // Start-up, until the path is full.
  bool is_filling() const { return phase_ == Phase::startup && queue_ == Queue::none; }

  void grow(std::uint64_t bytes) {
    const std::uint64_t target = target_window();
    if (window_ < target)
      window_ = std::min(window_ + bytes, target);
    else if (phase_ != Phase::startup)
      window_ = target;
  }

  std::uint32_t slice_bytes_;
  Phase phase_ = Phase::startup;
  TimePoint phase_began_;
  std::size_t cycle_ = 0;
  RoundMaximum rates_;
  Rounds rounds_;
  std::uint64_t full_rate_ = 0;
  int stalled_rounds_ = 0;
  Duration min_rtt_{};
  TimePoint min_rtt_at_;
  TimePoint drained_at_;  // when no queue was seen last
  std::uint64_t window_;
  Duration latest_rtt_{};
  LongestRtt rtts_;
  Queue queue_ = Queue::none;  // when last measured
  LossModel losses_;
  std::array<std::uint64_t, 3> peaks_{};  // of what was in flight in the last round trips, latest first
  LossBound bound_;
  std::uint64_t grown_by_losses_ = 0;  // of the window, in start-up
  double make_up_ = 1;
  std::optional<TimePoint> marked_at_;
};

}  // namespace

std::unique_ptr<CongestionController> make_bbr_like(std::uint32_t slice_bytes) {
  return std::make_unique<BbrLike>(slice_bytes);
}

}  // namespace rgtp::packet
