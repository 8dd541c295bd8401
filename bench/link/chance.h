// Randomness of the emulator: the same numbers for a seed with every compiler and library.
#pragma once

#include <cstdint>
#include <random>

namespace rgtp::bench {

// std::mt19937_64 is fixed by the standard; its distributions are not, so that they are not used.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}

  // At least 0 and less than 1.
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  // Takes no number where the answer is certain, so that what is switched off costs nothing.
  bool happens(double probability) { return probability > 0 && uniform() < probability; }

 private:
  std::mt19937_64 engine_;
};

// Which packets are lost: each for itself, or in runs of a given mean length (Gilbert, "Capacity of a
// Burst-Noise Channel", 1960: a chain of two states, in one of which all is lost). The share lost is the same
// either way.
class LossProcess {
 public:
  // `share` at least 0 and less than 1, `mean_run` at least 1 packet.
  LossProcess(double share, double mean_run, std::uint64_t seed)
      : leave_(mean_run > 1 ? 1 / mean_run : 1 - share),
        enter_(mean_run > 1 ? share / (1 - share) / mean_run : share),
        chance_(seed) {}

  bool lose_next() {
    losing_ = losing_ ? !chance_.happens(leave_) : chance_.happens(enter_);
    return losing_;
  }

 private:
  double leave_;  // per packet, while packets are lost
  double enter_;  // per packet, while they are not
  bool losing_ = false;
  Chance chance_;
};

}  // namespace rgtp::bench
