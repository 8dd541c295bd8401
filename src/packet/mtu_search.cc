#include "packet/mtu_search.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rgtp::packet {

namespace {

// Jumbo frames, FDDI, Ethernet, and Ethernet less PPPoE, GRE, IP in IP, IPsec, WireGuard, VXLAN and the like.
constexpr std::array<std::uint32_t, 14> common_sizes = {9000, 8000, 4352, 1500, 1492, 1480, 1476,
                                                        1460, 1440, 1420, 1400, 1380, 1340, 1280};
// After a failure that may pass, such as a black hole.
constexpr Duration retry_interval = std::chrono::seconds(1);

}  // namespace

MtuSearch::MtuSearch(std::uint32_t start, std::uint32_t most) : mtu_(start), most_(std::max(start, most)) {
  begin(TimePoint::min());
}

void MtuSearch::begin(TimePoint when) {
  search_at_ = when;
  lost_ = 0;
  candidate_ = most_ > mtu_ ? most_ : 0;
}

std::optional<std::uint32_t> MtuSearch::due(TimePoint now) const {
  if (probing_ || candidate_ == 0 || now < search_at_) return std::nullopt;
  return candidate_;
}

void MtuSearch::on_arrived(TimePoint now, std::uint32_t bytes) {
  if (!std::exchange(probing_, false)) return;
  mtu_ = std::max(mtu_, std::min(bytes, candidate_));
  // Another surface may have longer slices to probe on with.
  begin(bytes < candidate_ ? now : now + raise_interval);
}

void MtuSearch::on_lost(TimePoint now) {
  if (!std::exchange(probing_, false)) return;
  if (++lost_ >= tries) next_lower(now);
}

void MtuSearch::next_lower(TimePoint now) {
  lost_ = 0;
  const auto* const lower = std::find_if(common_sizes.begin(), common_sizes.end(),
                                         [this](std::uint32_t size) { return size < candidate_; });
  if (lower == common_sizes.end() || *lower <= mtu_) return begin(now + raise_interval);
  candidate_ = *lower;
}

void MtuSearch::reduce(TimePoint now, std::uint32_t mtu) {
  probing_ = false;
  mtu_ = std::min(mtu_, mtu);
  begin(now + retry_interval);
}

void MtuSearch::limit(std::uint32_t most) {
  most_ = std::min(most_, most);
  mtu_ = std::min(mtu_, most_);
  candidate_ = std::min(candidate_, most_ > mtu_ ? most_ : 0);
}

}  // namespace rgtp::packet
