#include "packet/loss_model.h"

#include <algorithm>
#include <cmath>

namespace rgtp::packet {

namespace {

// What is remembered halves beyond this: some seconds of a fast path, and enough to know a percentage by.
constexpr double remembered_slices = 4000;

}  // namespace

void LossModel::Count::age(double most) {
  if (all <= most) return;
  lost /= 2;
  all /= 2;
}

void LossModel::on_arrival(double slices, Pace pace, Queue queue) {
  if (slices == 0) return;
  recent_.all += slices;
  if (queue == Queue::seen) {
    queue_seen_ = true;
    return;
  }
  calm_seen_ = true;
  calm_.all += slices;
  calm_.age(remembered_slices);
  if (pace != Pace::below) return;
  below_.all += slices;
  below_.age(remembered_slices / 2);
}

void LossModel::on_lost(double slices, double counted, Pace pace, Queue queue) {
  recent_.lost += counted;
  recent_.all += counted;
  if (queue == Queue::seen) {
    queue_seen_ = true;
    return;
  }
  calm_.lost += slices;
  calm_.all += slices;
  if (pace != Pace::below) return;
  below_.lost += slices;
  below_.all += slices;
}

void LossModel::on_spurious(double slices, double counted, Pace pace, Queue queue) {
  recent_.lost = std::max(0.0, recent_.lost - counted);
  if (queue == Queue::seen) return;
  calm_.lost = std::max(0.0, calm_.lost - slices);
  if (pace == Pace::below) below_.lost = std::max(0.0, below_.lost - slices);
}

double LossModel::chance() const {
  if (calm_.all < calm_samples) return 0;
  if (!knows_chance()) return std::min(calm_.share(), most_hasty_chance);
  // A share that is less by no more than a standard deviation is luck.
  const double calm = calm_.share();
  return std::min(calm, below_.share() + std::sqrt(calm * (1 - calm) / below_.all));
}

double LossModel::excess(Doubt doubt) const {
  const bool is_known = knows_chance() || calm_.all < calm_samples;
  const double likely = is_known ? this->chance() : calm_.share();
  const double chance = doubt == Doubt::favours_chance ? likely : 0;
  // What is lost already of fewer slices is at least lost of so many.
  const double all = judged_slices();
  const double deviation = std::sqrt(chance * (1 - chance) / all);
  return std::max(0.0, recent_.lost / all - chance - 3 * deviation);
}

void LossModel::begin_judgement() {
  recent_ = {};
  without_calm_ = calm_seen_ ? 0 : without_calm_ + 1;
  if (without_calm_ >= patience && !knows_chance()) calm_ = {};
  queue_seen_ = calm_seen_ = false;
}

}  // namespace rgtp::packet
