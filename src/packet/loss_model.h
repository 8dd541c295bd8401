// Tells loss by chance from loss by rate, for a controller that makes up for the one and holds back for the
// other.
//
// A queue that drops is a queue that is full, and what arrives around a dropped slice was delayed by all of
// it; damage and radio lose slices whatever the queue. And what a policer drops depends on how fast one asks.
// So chance is what is lost while no queue is seen; no more than, luck aside, of what was asked for below the
// estimated rate. The rest is taken to be our own doing. Until enough was asked for below the estimate, at
// the start, what is lost without a queue is taken for chance, up to a fifth: making up for it counts most
// there. Where nothing but a queue is seen from then on, that is forgotten.
#pragma once

#include <algorithm>
#include <cstdint>

namespace rgtp::packet {

class LossModel {
 public:
  // Of the answers asked for: how that relates to the estimate of what the path carries.
  enum class Pace : std::uint8_t { unknown, above, level, below };
  enum class Queue : std::uint8_t { none, seen };
  // What is assumed where too little was asked for below the estimate to know what chance loses.
  enum class Doubt : std::uint8_t { favours_chance, favours_rate };

  // So many slices must have been counted for a judgement.
  static constexpr double calm_samples = 150;
  static constexpr double below_samples = 64;
  // The most that is assumed before that: what loses more may be a policer.
  static constexpr double most_hasty_chance = 0.2;
  static constexpr double excess_samples = 200;
  // Judgements with nothing but a queue in sight, after which what was assumed at the start is assumed no
  // more.
  static constexpr int patience = 6;

  void on_arrival(double slices, Pace pace, Queue queue);
  // `counted`: as how many lost slices they count against the rate; a lost request is one.
  void on_lost(double slices, double counted, Pace pace, Queue queue);
  // They arrived after all.
  void on_spurious(double slices, double counted, Pace pace, Queue queue);

  // The share that is lost whatever the rate, 0 to 1; 0 while too little is known.
  double chance() const;
  // The share lost since the last judgement beyond what chance explains, three standard deviations of that
  // included; nothing to judge before can_judge().
  bool can_judge() const { return recent_.all >= excess_samples; }
  double excess(Doubt doubt) const;
  // Of which that is the share.
  double judged_slices() const { return std::max(recent_.all, excess_samples); }
  // Whether a queue was seen with any of it.
  bool queue_was_seen() const { return queue_seen_; }
  void begin_judgement();

 private:
  struct Count {
    double lost = 0;
    double all = 0;
    double share() const { return all > 0 ? lost / all : 0; }
    void age(double most);
  };

  // Enough was asked for below the estimate.
  bool knows_chance() const { return below_.all >= below_samples; }

  Count calm_;    // no queue seen, at any pace
  Count below_;   // of them, asked for below the estimate
  Count recent_;  // since the last judgement, counted against the rate
  bool queue_seen_ = false;
  bool calm_seen_ = false;
  int without_calm_ = 0;  // judgements in a row
};

}  // namespace rgtp::packet
