#include "packet/refusal_budget.h"

namespace rgtp::packet {

void RefusalBudget::begin_second(TimePoint now) {
  const auto second = now.time_since_epoch() / std::chrono::seconds(1);
  if (second == second_) return;
  second_ = second;
  unvalidated_ = 0;
  validated_ = 0;
  greetings_ = 0;
  by_prefix_.fill(0);
  greetings_by_prefix_.fill(0);
}

bool RefusalBudget::take_greeting(const Address& to, TimePoint now) {
  begin_second(now);
  std::uint16_t& prefix = greetings_by_prefix_[prefix_key(to) % greetings_by_prefix_.size()];
  if (greetings_ >= greetings_per_second || prefix >= greetings_per_prefix) return false;
  ++greetings_;
  ++prefix;
  return true;
}

bool RefusalBudget::take(const Address& to, Validated validated, TimePoint now) {
  begin_second(now);
  if (validated == Validated::yes) {
    if (validated_ >= validated_per_second) return false;
    ++validated_;
    return true;
  }
  // A table without keys: prefixes that fall together share their allowance.
  std::uint16_t& prefix = by_prefix_[prefix_key(to) % by_prefix_.size()];
  if (unvalidated_ >= unvalidated_per_second || prefix >= unvalidated_per_prefix) return false;
  ++unvalidated_;
  ++prefix;
  return true;
}

bool RefusalBudget::take_busy(const Address& to, TimePoint now) {
  const std::uint64_t key = puller_key(to);
  if (told_busy_.until(key) > now.time_since_epoch().count() || !take(to, Validated::yes, now)) return false;
  told_busy_.set(key, (now + between_busy).time_since_epoch().count());
  return true;
}

}  // namespace rgtp::packet
