// Bounds what may be in flight where loss is our own doing: below what it was when too much was lost, and a
// little higher after every round trip without.
//
//     bound.cut(now, peak, least, excess);  too much was lost: 0.7 of what was in flight, or might be
//     bound.rise(slice_bytes, most);        once a round trip; above `most` there is no bound any more
#pragma once

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <rgtp/types.h>

namespace rgtp::packet {

class LossBound {
 public:
  static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();
  static constexpr double decrease = 0.7;

  // Bytes in flight; none where there is no bound.
  std::uint64_t value() const { return value_; }

  // `excess`: as many slices fewer lost, and there had been no reason to.
  void cut(TimePoint now, std::uint64_t peak, std::uint64_t least, double excess) {
    before_cut_ = value_;
    excess_ = excess;
    cut_before_at_ = std::exchange(cut_at_, now);
    rounds_since_cut_ = 0;
    const auto most = static_cast<double>(std::min(value_, peak));
    value_ = std::max(least, static_cast<std::uint64_t>(decrease * most));
  }
  // What was asked for before it was cut last has had its effect: of what became of that nothing is to
  // follow.
  bool has_answered(TimePoint asked_at) const { return asked_at <= cut_at_; }
  // So many slices that were asked for then, and taken to be lost, arrived after all. Once that is the
  // excess, it is as if nothing had been cut.
  void undo(TimePoint asked_at, double slices) {
    if (!before_cut_ || !has_answered(asked_at) || asked_at <= cut_before_at_) return;
    excess_ -= slices;
    if (excess_ <= 0) value_ = *std::exchange(before_cut_, std::nullopt);
  }

  // Faster the longer nothing was lost, so that whoever was cut far too low is back soon.
  void rise(std::uint32_t slice_bytes, std::uint64_t most) {
    if (value_ == none) return;
    ++rounds_since_cut_;
    value_ += std::max<std::uint64_t>(slice_bytes * (8 + rounds_since_cut_) / 40, value_ / 256);
    if (value_ > most) value_ = none;
  }

 private:
  std::uint64_t value_ = none;
  std::optional<std::uint64_t> before_cut_;
  double excess_ = 0;
  TimePoint cut_at_;
  TimePoint cut_before_at_;
  std::uint64_t rounds_since_cut_ = 0;
};

}  // namespace rgtp::packet
