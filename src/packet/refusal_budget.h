// How many REFUSE an exposer sends, and how many MANIFEST to addresses without a valid cookie: enough for
// honest pullers, too few to be of use to somebody who forges the addresses of others.
#pragma once

#include <array>

#include "packet/debt_table.h"

namespace rgtp::packet {

class RefusalBudget {
 public:
  static constexpr std::uint32_t unvalidated_per_second = 1000;
  static constexpr std::uint32_t unvalidated_per_prefix = 10;
  static constexpr std::uint32_t validated_per_second = 10'000;
  // A puller slows down once in a round trip at most: to say it more often is noise where there is none to
  // spare.
  static constexpr Duration between_busy = std::chrono::milliseconds(5);

  static constexpr std::uint32_t greetings_per_second = 20'000;
  static constexpr std::uint32_t greetings_per_prefix = 5'000;

  enum class Validated { no, yes };
  // Whether one more may go to this address now; counts it if so.
  bool take(const Address& to, Validated validated, TimePoint now);
  // The same for a MANIFEST to an address without a valid cookie.
  bool take_greeting(const Address& to, TimePoint now);
  // The same for REFUSE(busy), which only those with a valid cookie get: one address and port gets one in
  // between_busy.
  bool take_busy(const Address& to, TimePoint now);

 private:
  void begin_second(TimePoint now);

  // Counts within the current second.
  std::int64_t second_ = -1;
  std::uint32_t greetings_ = 0;
  std::array<std::uint16_t, 4096> greetings_by_prefix_{};
  std::uint32_t unvalidated_ = 0;
  std::uint32_t validated_ = 0;
  std::array<std::uint16_t, 4096> by_prefix_{};
  DebtTable told_busy_{1024};  // nanoseconds
};

}  // namespace rgtp::packet
