// Who has had its share until when: a fixed-size table of ends, of any clock that only goes forward (virtual
// bytes, nanoseconds). An end that has passed means nothing, so when there is no room the earliest is
// forgotten: what this costs is that somebody's debt is waived.
//
//     DebtTable told(1024);
//     if (told.until(key) > now) return;  // not yet again
//     told.set(key, now + pause);
#pragma once

#include <cstdint>
#include <vector>

#include "packet/address.h"

namespace rgtp::packet {

// A puller, which is an address and port, or the network that it is in, as 64 well-mixed bits.
std::uint64_t puller_key(const Address& address);
std::uint64_t prefix_key(const Address& address);

// 16 bytes an entry, all of them taken at once; nothing is allocated later. Two keys share an end only where
// all their 64 bits are the same.
class DebtTable {
 public:
  // `entries` is a power of two, at least 4. A key may stand in four of them.
  explicit DebtTable(std::size_t entries) : entries_(entries) {}

  // 0 for who owes nothing that is remembered.
  std::int64_t until(std::uint64_t key) const;
  void set(std::uint64_t key, std::int64_t until);

 private:
  struct Entry {
    std::uint64_t key = 0;
    std::int64_t until = 0;
  };
  static constexpr std::size_t ways = 4;

  std::size_t first_of(std::uint64_t key) const { return (key & (entries_.size() - 1)) & ~(ways - 1); }

  std::vector<Entry> entries_;
};

}  // namespace rgtp::packet
