#include "cli/bench/statistics.h"

#include <algorithm>
#include <cmath>

namespace rgtp::cli::bench {

double percentile(std::vector<double> sample, double share) {
  if (sample.empty()) return 0;
  std::ranges::sort(sample);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sample.size())));
  return sample[std::clamp<std::size_t>(rank, 1, sample.size()) - 1];
}

Spread spread_of(std::vector<double> sample) {
  if (sample.empty()) return {};
  std::ranges::sort(sample);
  const std::size_t middle = sample.size() / 2;
  const double median = sample.size() % 2 == 1 ? sample[middle] : (sample[middle - 1] + sample[middle]) / 2;
  return {median, sample.front(), sample.back()};
}

}  // namespace rgtp::cli::bench
