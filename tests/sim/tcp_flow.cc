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

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

TcpFlow::TcpFlow(Timeline& timeline, Packets& packets, Link& down, Link& up)
    : timeline_(timeline), packets_(packets), down_(down), up_(up) {}

void TcpFlow::start() { send(); }

void TcpFlow::send() {
  while (static_cast<double>(in_flight_) < window_) {
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
  const auto index = packets_.take(sender_, acknowledgement_bytes);
  packets_[index].number = packet.number;
  up_.send(index);
}

void TcpFlow::on_acknowledgement(std::uint64_t number) {
  if (number < first_ || !sent_[number - first_].outstanding) return;
  Sent& packet = sent_[number - first_];
  packet.outstanding = false;
  --in_flight_;
  measure(timeline_.now() - packet.at, number);
  newest_acknowledged_ = std::max(newest_acknowledged_, number);
  if (number >= recovery_until_) grow();
  detect_losses(newest_acknowledged_);
  forget_settled();
  send();
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
  const double alpha = window_reno_ < window_max_ ? 3 * (1 - beta) / (1 + beta) : 1;
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
