// Which seeds campaigns walk through: RGTP_SIM_SEEDS=COUNT or RGTP_SIM_SEEDS=FIRST:COUNT, else 200, or 50
// where an address sanitizer makes them slow.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <utility>
#include <vector>

namespace rgtp::test {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr std::uint64_t default_seeds = 50;
#else
constexpr std::uint64_t default_seeds = 200;
#endif
#else
constexpr std::uint64_t default_seeds = 200;
#endif

inline std::vector<std::uint64_t> seeds() {
  std::uint64_t first = 0;
  std::uint64_t count = default_seeds;
  if (const char* const text = std::getenv("RGTP_SIM_SEEDS")) {
    char* end = nullptr;
    count = std::strtoull(text, &end, 10);
    if (*end == ':') first = std::exchange(count, std::strtoull(end + 1, nullptr, 10));
  }
  std::vector<std::uint64_t> all(count);
  std::iota(all.begin(), all.end(), first);
  return all;
}

}  // namespace rgtp::test
