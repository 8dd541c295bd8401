#include "packet/congestion.h"

#include <algorithm>

#include "packet/wire.h"

namespace rgtp::packet {

namespace {

// Less than this is noise: of timers, of other work on the hosts, of jitter.
constexpr Duration least_queue = std::chrono::milliseconds(3);
constexpr double least_queue_share = 0.15;

}  // namespace

bool is_queued(Duration rtt, Duration min_rtt) {
  const auto share = static_cast<Duration::rep>(static_cast<double>(min_rtt.count()) * least_queue_share);
  return min_rtt > Duration{} && rtt - min_rtt > std::max(least_queue, Duration(share));
}

std::unique_ptr<CongestionController> make_controller(Congestion kind, std::uint64_t fixed_rate,
                                                      std::uint32_t slice_bytes) {
  switch (kind) {
    case Congestion::bbr_like: break;
    case Congestion::cubic: return make_cubic(slice_bytes);
    case Congestion::background: return make_background(slice_bytes);
    case Congestion::fixed: return make_fixed_rate(slice_bytes, fixed_rate);
  }
  return make_bbr_like(slice_bytes);
}

std::uint64_t bytes_in(std::uint64_t rate, Duration time) {
  return static_cast<std::uint64_t>(static_cast<double>(rate) * std::chrono::duration<double>(time).count());
}

std::uint64_t train_bytes_at(std::uint64_t rate, std::uint32_t slice_bytes) {
  const std::uint64_t least = 2 * std::uint64_t{slice_bytes};
  return std::clamp(rate / (std::chrono::seconds(1) / longest_train), least,
                    std::max<std::uint64_t>(least, max_train_bytes));
}

}  // namespace rgtp::packet
