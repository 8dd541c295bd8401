// Figures of a sample.
#pragma once

#include <cstddef>
#include <vector>

namespace rgtp::cli::bench {

// Where it stands in a sorted sample of that size, from 1 on: the nearest rank.
std::size_t rank_of(std::size_t size, double share);

// The smallest value that at least this share of the sample does not exceed (nearest rank); 0 of an empty
// one. `share` is in (0, 1].
double percentile(std::vector<double> sample, double share);

// The middle, between two where there is none, and what lies around it.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};
Spread spread_of(std::vector<double> sample);

}  // namespace rgtp::cli::bench
