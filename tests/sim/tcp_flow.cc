#include "sim/tcp_flow.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rgtp::test {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t acknowledgement_bytes = 52;
constexpr double beta = 0.7;
constexpr double c = 0.4;
constexpr std::uint64_t reordering = 3;
constexpr int hystart_samples = 8;
// Linux, from here on: acknowledges every second packet, asks Reno's growth of CUBIC for ever, and sends
// bursts of a millisecond at its pace, which nothing else paces (tcp_tso_autosize).
constexpr double least_window_to_hold_back = 4;
constexpr double pace_gain = 1.2;
constexpr Duration burst_time = 1ms;
constexpr double least_burst = 2;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

TcpFlow::TcpFlow(Timeline& timeline, Packets& packets, Link& down, Link& up)
    : timeline_(timeline), packets_(packets), down_(down), up_(up) {}

void TcpFlow::start() { send(); }

double TcpFlow::burst() const {
  if (smoothed_rtt_ == Duration{}) return 1;
  const double in_time = pace_gain * window_ / seconds(smoothed_rtt_) * seconds(burst_time);
  return std::min(std::max(std::floor(in_time), least_burst), std::max(window_ / 3, 1.0));
}

void TcpFlow::send() {
  const bool waits = in_flight_ > 0 && static_cast<double>(in_flight_) + burst() > window_;
  while (!waits && static_cast<double>(in_flight_) < window_) {
    const auto index = packets_.take(receiver_, packet_bytes);
    packets_[index].number = first_ + sent_.size();
    sent_.push_back({timeline_.now()});
    ++in_flight_;
    down_.send(index);
  }
  set_timer();
}

void TcpFlow::on_data(const Packet& packet) {
  ++delivered_;
  const std::uint64_t expected = std::exchange(next_expected_, packet.number + 1);
  const bool in_order = packet.number == expected;
  if (in_order && !held_back_ && window_ >= least_window_to_hold_back) {
    held_back_ = true;
    return;
  }
  const bool together = in_order && held_back_;
  if (held_back_ && !together) acknowledge(expected - 1, 1);
  held_back_ = false;
  acknowledge(packet.number, together ? 2 : 1);
}

void TcpFlow::acknowledge(std::uint64_t number, std::uint32_t count) {
  const auto index = packets_.take(sender_, acknowledgement_bytes);
  packets_[index].number = number;
  packets_[index].from = count;
  up_.send(index);
}

void TcpFlow::on_acknowledgement(const Packet& packet) {
  for (std::uint32_t before = packet.from; before-- > 0;) settle(packet.number - before);
  send();
}

void TcpFlow::settle(std::uint64_t number) {
  if (number < first_ || !sent_[number - first_].outstanding) return;
  Sent& packet = sent_[number - first_];
  packet.outstanding = false;
  --in_flight_;
  measure(timeline_.now() - packet.at, number);
  newest_acknowledged_ = std::max(newest_acknowledged_, number);
  if (number >= recovery_until_) grow();
  detect_losses(newest_acknowledged_);
  forget_settled();
}

void TcpFlow::measure(Duration rtt, std::uint64_t number) {
  if (smoothed_rtt_ == Duration{}) {
    smoothed_rtt_ = rtt;
    rtt_variation_ = rtt / 2;
  } else {
    const Duration off = rtt > smoothed_rtt_ ? rtt - smoothed_rtt_ : smoothed_rtt_ - rtt;
    rtt_variation_ += (off - rtt_variation_) / 4;
    smoothed_rtt_ += (rtt - smoothed_rtt_) / 8;
  }
  min_rtt_ = std::min(min_rtt_, rtt);
  if (number >= round_end_) {
    round_end_ = first_ + sent_.size();
    round_rtt_ = Duration::max();
    round_samples_ = 0;
  }
  round_rtt_ = std::min(round_rtt_, rtt);
  // Slow start ends where a round trip has become an eighth longer, as Linux does it.
  if (window_ < threshold_ && ++round_samples_ >= hystart_samples &&
      round_rtt_ > min_rtt_ + std::clamp<Duration>(min_rtt_ / 8, 4ms, 16ms))
    threshold_ = window_;
}

void TcpFlow::grow() {
  if (window_ < threshold_) {
    window_ += 1;
    return;
  }
  if (!in_epoch_) {
    in_epoch_ = true;
    epoch_ = timeline_.now();
    window_reno_ = window_;
    if (window_max_ < window_) window_max_ = window_;
    epoch_k_ = std::cbrt((window_max_ - window_) / c);
  }
  const double t = seconds(timeline_.now() - epoch_ + smoothed_rtt_) - epoch_k_;
  const double target = std::clamp(c * t * t * t + window_max_, window_, 1.5 * window_);
  const double alpha = 3 * (1 - beta) / (1 + beta);
  window_reno_ += alpha / window_;
  window_ = std::max(window_ + (target - window_) / window_, window_reno_);
}

void TcpFlow::detect_losses(std::uint64_t newest) {
  for (std::uint64_t number = first_; number + reordering <= newest; ++number) {
    Sent& packet = sent_[number - first_];
    if (!packet.outstanding) continue;
    packet.outstanding = false;
    --in_flight_;
    reduce(number);
  }
}

void TcpFlow::reduce(std::uint64_t lost) {
  if (lost < recovery_until_) return;
  recovery_until_ = first_ + sent_.size();
  window_max_ = window_ < window_max_ ? window_ * (1 + beta) / 2 : window_;  // fast convergence
  window_ = std::max(2.0, window_ * beta);
  threshold_ = window_;
  in_epoch_ = false;
}

void TcpFlow::forget_settled() {
  while (!sent_.empty() && !sent_.front().outstanding) {
    sent_.pop_front();
    ++first_;
  }
}

void TcpFlow::set_timer() {
  const Duration timeout =
      smoothed_rtt_ == Duration{} ? 1s : std::max<Duration>(200ms, smoothed_rtt_ + 4 * rtt_variation_);
  deadline_ = timeline_.now() + timeout;
  if (!std::exchange(timer_is_set_, true)) timeline_.schedule(deadline_, *this, 0);
}

void TcpFlow::on_due(std::uint64_t /*what*/) {
  timer_is_set_ = timeline_.now() < deadline_;
  if (timer_is_set_) return timeline_.schedule(deadline_, *this, 0);
  // Nothing was heard for too long: all that is outstanding is lost.
  reduce(first_ + sent_.size());
  window_ = 1;
  first_ += sent_.size();
  sent_.clear();
  in_flight_ = 0;
  send();
}

}  // namespace rgtp::test
