#include <algorithm>
#include <cmath>

#include "cli/bench/page/chart.h"

namespace rgtp::cli::bench {

namespace {

constexpr double ticks_wanted = 5;
constexpr double decades_of_fine_ticks = 1.7;
constexpr double decades_shown = 8;
constexpr double least_drawn = 1e-12;
constexpr double most_drawn = 1e18;
// What a sum of rounded steps may miss a tick by.
constexpr double slack = 1e-9;

// The largest of 1, 2 and 5 times a power of ten that is not above it.
double round_below(double value) {
  const double power = std::pow(10, std::floor(std::log10(value) + slack));
  for (const double factor : {5.0, 2.0})
    if (value >= factor * power * (1 - slack)) return factor * power;
  return power;
}

double next_above(double round) {
  const double power = std::pow(10, std::floor(std::log10(round) + slack));
  const double factor = std::round(round / power);
  return power * (factor < 2 ? 2 : factor < 5 ? 5 : 10);
}

double round_above(double value) {
  const double below = round_below(value);
  return below < value * (1 - slack) ? next_above(below) : below;
}

}  // namespace

bool is_drawable(double value) { return value >= least_drawn && value <= most_drawn; }

Scale Scale::linear(double most) {
  Scale scale;
  if (!is_drawable(most)) most = 1;
  const double step = round_above(most / ticks_wanted);
  const double steps = std::ceil(most / step - slack);
  scale.to_ = steps * step;
  for (double tick = 0; tick <= steps; ++tick) scale.ticks_.push_back(tick * step);
  return scale;
}

Scale Scale::logarithmic(double least, double most) {
  Scale scale;
  scale.is_logarithmic_ = true;
  least = std::clamp(least, least_drawn, most_drawn);
  most = std::clamp(most, least, most_drawn);
  scale.from_ = round_below(least);
  scale.to_ = std::max(round_above(most), next_above(scale.from_));
  const double decades = std::log10(scale.to_) - std::log10(scale.from_);
  if (decades <= decades_of_fine_ticks) {
    for (double tick = scale.from_; tick <= scale.to_ * (1 + slack); tick = next_above(tick))
      scale.ticks_.push_back(tick);
    return scale;
  }
  const double stride = std::ceil(decades / decades_shown);
  for (double power = std::ceil(std::log10(scale.from_) - slack); power <= std::log10(scale.to_) + slack;
       power += stride)
    scale.ticks_.push_back(std::pow(10, power));
  return scale;
}

double Scale::share(double value) const {
  const auto share = is_logarithmic_
                         ? (std::log10(value) - std::log10(from_)) / (std::log10(to_) - std::log10(from_))
                         : (value - from_) / (to_ - from_);
  return std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0;
}

bool Scale::has(double value) const { return is_drawable(value) || (value == 0 && !is_logarithmic_); }

}  // namespace rgtp::cli::bench
