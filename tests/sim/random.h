// Cheap random numbers that are the same everywhere (SplitMix64; Steele, Lea, Flood 2014): the standard's
// distributions are not.
#pragma once

#include <cmath>
#include <cstdint>

#include <rgtp/types.h>

namespace rgtp::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0xd1342543de82ef95 + 1) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t end) { return next() % end; }
  double fraction() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  bool happens(double probability) { return probability > 0 && fraction() < probability; }
  double between(double low, double high) { return low + (high - low) * fraction(); }
  // Every order of magnitude is as likely as every other.
  double of_any_size(double low, double high) { return std::exp(between(std::log(low), std::log(high))); }
  Duration up_to(Duration most) {
    return most > Duration{}
               ? Duration(static_cast<Duration::rep>(below(static_cast<std::uint64_t>(most.count()))))
               : Duration{};
  }
  // Between two events that come independently of each other.
  double exponential(double mean) { return -mean * std::log(1 - fraction()); }

 private:
  std::uint64_t state_;
};

}  // namespace rgtp::test
