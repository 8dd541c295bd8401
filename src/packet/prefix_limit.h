// How many bytes a second an address prefix may draw. A cookie proves that its holder once received at the
// address; who has seen one go by can replay what it stands in for two minutes, and send a network more than
// it asked for. So there is a limit to that which needs no cookie's word: a leaky bucket for each prefix,
// kept as the moment at which it will be empty (GCRA, ITU-T I.371), in a fixed-size table.
#pragma once

#include <cstdint>

#include "packet/debt_table.h"

namespace rgtp::packet {

class PrefixLimit {
 public:
  // 0: none.
  explicit PrefixLimit(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  // For how long nothing more may be sent there; 0 where it may now.
  Duration wait(const Address& to, TimePoint now) const;
  void count(const Address& to, std::size_t bytes, TimePoint now);

 private:
  // How far ahead of the rate a prefix may be: many pullers that begin at once are no abuse.
  static constexpr Duration burst = std::chrono::milliseconds(100);

  const std::uint64_t bytes_per_second_;
  DebtTable empty_at_{4096};  // nanoseconds
};

}  // namespace rgtp::packet
