// What scenarios are judged by.
#pragma once

#include <algorithm>
#include <numeric>

#include "sim/simulation.h"

namespace rgtp::test {

// Jain's index of fairness: 1 where all are equal, 1 / n where one has it all.
inline double jain(const std::vector<double>& shares) {
  double sum = 0;
  double squares = 0;
  for (const double share : shares) {
    sum += share;
    squares += share * share;
  }
  return squares > 0 ? sum * sum / (static_cast<double>(shares.size()) * squares) : 0;
}

inline double sum(const std::vector<double>& shares) {
  return std::accumulate(shares.begin(), shares.end(), 0.0);
}

// A path of `megabits` a second and a round trip of `milliseconds`, lossy in both directions alike, with a
// queue of so many bandwidth-delay products.
inline LinkOptions path_of(double megabits, double milliseconds, double queue_products = 1, double loss = 0) {
  LinkOptions link;
  link.rate = megabits * 1e6 / 8;
  link.delay = Duration(static_cast<Duration::rep>(milliseconds * 1e6 / 2));
  link.queue_bytes = std::max<std::uint64_t>(3000, queue_of(queue_products, link.rate, 2 * link.delay));
  link.loss = loss;
  return link;
}

// With half a millisecond of noise that keeps the order. Several senders on a path without any fall into step
// with each other's packets, and then one of them meets all the full queues.
inline LinkOptions with_noise(LinkOptions link) {
  link.jitter = std::chrono::microseconds(500);
  link.jitter_order = JitterOrder::kept;
  return link;
}

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

inline double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace rgtp::test
