#include "packet/refusal_budget.h"

#include <cstring>

namespace rgtp::packet {

namespace {

// Fixed table, no keys: prefixes that fall together share their allowance.
std::size_t slot_of(const Address& address, std::size_t slots) {
  const auto prefix = address.prefix();
  std::uint64_t value = 0;
  static_assert(sizeof value == sizeof prefix);
  std::memcpy(&value, prefix.data(), sizeof value);
  return static_cast<std::size_t>((value * 0x9E3779B97F4A7C15U) >> 32) % slots;  // Fibonacci hashing
}

}  // namespace

bool RefusalBudget::take(const Address& to, Validated validated, TimePoint now) {
  const auto second = now.time_since_epoch() / std::chrono::seconds(1);
  if (second != second_) {
    second_ = second;
    unvalidated_ = 0;
    validated_ = 0;
    by_prefix_.fill(0);
  }
  if (validated == Validated::yes) {
    if (validated_ >= validated_per_second) return false;
    ++validated_;
    return true;
  }
  std::uint16_t& prefix = by_prefix_[slot_of(to, by_prefix_.size())];
  if (unvalidated_ >= unvalidated_per_second || prefix >= unvalidated_per_prefix) return false;
  ++unvalidated_;
  ++prefix;
  return true;
}

}  // namespace rgtp::packet
