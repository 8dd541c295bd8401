#include "packet/debt_table.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace rgtp::packet {

namespace {

// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9U;
  value = (value ^ value >> 27) * 0x94D049BB133111EBU;
  return value ^ value >> 31;
}

}  // namespace

std::uint64_t puller_key(const Address& address) {
  std::array<std::uint64_t, 2> words;
  static_assert(sizeof words == sizeof address.ip);
  std::memcpy(words.data(), address.ip.data(), sizeof words);
  const std::uint64_t port = std::uint64_t{address.scope} << 32 | address.port;
  return mix(mix(mix(words[0] + 1) + words[1]) + port);
}

std::uint64_t prefix_key(const Address& address) {
  const auto prefix = address.prefix();
  std::uint64_t word = 0;
  static_assert(sizeof word == sizeof prefix);
  std::memcpy(&word, prefix.data(), sizeof word);
  return mix(word + 1);
}

std::int64_t DebtTable::until(std::uint64_t key) const {
  const auto set = std::span(entries_).subspan(first_of(key), ways);
  const auto found = std::ranges::find(set, key, &Entry::key);
  return found != set.end() ? found->until : 0;
}

void DebtTable::set(std::uint64_t key, std::int64_t until) {
  const auto set = std::span(entries_).subspan(first_of(key), ways);
  auto entry = std::ranges::find(set, key, &Entry::key);
  if (entry == set.end()) entry = std::ranges::min_element(set, {}, &Entry::until);
  *entry = {key, until};
}

}  // namespace rgtp::packet
