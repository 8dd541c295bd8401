// How fast an exposer puts out what it is asked for, measured while requests wait: only then is the time
// between two trains the time that a train takes.
//
//     rate.on_turn(now, backlog);               // before each look for the next train
//     rate.on_train(bytes, backlog);            // where there was one
#pragma once

#include <cstdint>
#include <optional>

#include <rgtp/types.h>

namespace rgtp::packet {

class OutputRate {
 public:
  enum class Backlog { none, some };

  // The next train is looked for at `now`; whether requests wait for that.
  void on_turn(TimePoint now, Backlog backlog);
  // A train was handed out, and whether requests wait behind it.
  void on_train(std::size_t bytes, Backlog behind);

  // 0 until it is known.
  std::uint64_t bytes_per_second() const { return rate_; }
  std::size_t bytes_in(Duration time) const;
  // 0 where the rate is not known.
  Duration time_for(std::size_t bytes) const;
  // For how long a request has waited while the exposer was at work. A process that was not given the
  // processor for a while has not been overloaded: that time does not count.
  Duration waited(TimePoint since, TimePoint now) const;

 private:
  static constexpr Duration window = std::chrono::milliseconds(1);  // of busy time, a sample

  std::optional<TimePoint> busy_since_;
  TimePoint last_turn_;
  std::size_t train_bytes_ = 0;  // of the last turn
  Duration busy_{};              // of this sample
  std::size_t bytes_ = 0;        // of this sample
  std::uint64_t rate_ = 0;
};

}  // namespace rgtp::packet
