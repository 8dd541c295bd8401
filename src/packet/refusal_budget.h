// How many REFUSE an exposer sends: enough for honest pullers, too few to be of use to somebody who forges
// the addresses of others.
#pragma once

#include <array>

#include "packet/address.h"

namespace rgtp::packet {

class RefusalBudget {
 public:
  static constexpr std::uint32_t unvalidated_per_second = 1000;
  static constexpr std::uint32_t unvalidated_per_prefix = 10;
  static constexpr std::uint32_t validated_per_second = 10'000;

  enum class Validated { no, yes };
  // Whether one more may go to this address now; counts it if so.
  bool take(const Address& to, Validated validated, TimePoint now);

 private:
  // Counts within the current second.
  std::int64_t second_ = -1;
  std::uint32_t unvalidated_ = 0;
  std::uint32_t validated_ = 0;
  std::array<std::uint16_t, 4096> by_prefix_{};
};

}  // namespace rgtp::packet
