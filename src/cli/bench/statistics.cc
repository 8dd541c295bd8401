#include "cli/bench/statistics.h"

#include <algorithm>
#include <cmath>

namespace rgtp::cli::bench {

std::size_t rank_of(std::size_t size, double share) {
  // 0.9 of 10 is 9, although their product as doubles may be a little more.
  constexpr double rounding = 1e-9;
  const double rank = std::ceil(share * static_cast<double>(size) - rounding);
  return std::clamp<std::size_t>(static_cast<std::size_t>(rank), 1, std::max<std::size_t>(size, 1));
}

double percentile(std::vector<double> sample, double share) {
  if (sample.empty()) return 0;
  std::ranges::sort(sample);
  return sample[rank_of(sample.size(), share) - 1];
}

Spread spread_of(std::vector<double> sample) {
  if (sample.empty()) return {};
  std::ranges::sort(sample);
  const std::size_t middle = sample.size() / 2;
  const double median = sample.size() % 2 == 1 ? sample[middle] : (sample[middle - 1] + sample[middle]) / 2;
  return {median, sample.front(), sample.back()};
}

}  // namespace rgtp::cli::bench
