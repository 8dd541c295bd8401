// The receiving ends of simulated pulls.
#pragma once

#include <memory>
#include <optional>

#include <rgtp/transport.h>

#include "core/counters.h"
#include "core/pull_state.h"
#include "sim/timeline.h"

namespace rgtp::test {

// A number for everything that happened, in order (FNV-1a).
class Trace {
 public:
  void record(TimePoint now, std::uint64_t what) {
    for (const std::uint64_t value : {static_cast<std::uint64_t>(now.time_since_epoch().count()), what})
      value_ = (value_ ^ value) * 1099511628211U;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 14695981039346656037U;
};

// What all of them have: an end, statistics, and a part in the trace.
class SimulatedSink : public Sink, public Observer {
 public:
  SimulatedSink(const Timeline& timeline, Trace& trace, std::size_t number)
      : timeline_(timeline), trace_(trace), number_(number) {}

  bool is_done() const { return done_at_.has_value(); }
  const std::optional<Error>& error() const { return error_; }
  TimePoint done_at() const { return done_at_.value_or(timeline_.now()); }
  Stats stats() const { return counters_.snapshot(); }
  // When it asked the last time for something that it had not asked for before.
  TimePoint last_new_ask() const { return last_new_ask_; }
  // All that was wanted is there, verified, and as it is in `content`.
  virtual bool is_exact(std::span<const std::byte> content) = 0;

  bool adopt(std::shared_ptr<const Store> /*store*/) override { return false; }
  void on_end(Error error) override;
  Observer& observer() override { return *this; }
  void on_event(const Event& event) override;

 protected:
  void done() { done_at_ = timeline_.now(); }

 private:
  const Timeline& timeline_;
  Trace& trace_;
  const std::size_t number_;
  core::Counters counters_;
  std::optional<TimePoint> done_at_;
  TimePoint last_new_ask_;
  std::optional<Error> error_;
};

// The core's pull state, with memory for all of it.
class WholeSink : public SimulatedSink {
 public:
  WholeSink(const Timeline& timeline, Trace& trace, std::size_t number,
            const core::PullState::Options& options)
      : SimulatedSink(timeline, trace, number), state_(options, *this) {}

  bool is_exact(std::span<const std::byte> content) override;
  Result<void> on_manifest(const Manifest& manifest) override;
  std::optional<Placement> place(ChunkIndex chunk) override { return state_.place(chunk); }
  ChunkVerdict on_chunk(ChunkIndex chunk) override;
  ChunkRange wanted() const override { return state_.wanted(); }
  Result<void> on_final_size(const FinalSize& size) override;

 private:
  core::PullState state_;
};

}  // namespace rgtp::test
