#include "packet/prefix_limit.h"

#include <algorithm>

namespace rgtp::packet {

Duration PrefixLimit::wait(const Address& to, TimePoint now) const {
  if (bytes_per_second_ == 0) return {};
  const Duration empty_at(empty_at_.until(prefix_key(to)));
  return std::max(empty_at - now.time_since_epoch() - burst, Duration{});
}

void PrefixLimit::count(const Address& to, std::size_t bytes, TimePoint now) {
  if (bytes_per_second_ == 0) return;
  const std::uint64_t key = prefix_key(to);
  // A train, 65 KB, in nanoseconds: 64 bits hold it by far.
  const auto takes = static_cast<std::int64_t>(bytes * 1'000'000'000U / bytes_per_second_);
  empty_at_.set(key, std::max(empty_at_.until(key), now.time_since_epoch().count()) + takes);
}

}  // namespace rgtp::packet
