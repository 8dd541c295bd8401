// SIGINT, SIGTERM and, where it is not ignored, SIGHUP as something to wait for beside a Pending or a
// descriptor.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include <rgtp/pending.h>

namespace rgtp::cli {

// Made before any other thread, which inherits the blocked signals. One to a process.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Blocks until one arrives and returns its number. Calls `tick`, where there is one, about ten times a
  // second meanwhile.
  int wait(const std::function<void()>& tick = {});
  // Whether one arrives in this time, which passes otherwise.
  bool arrive_within(std::chrono::milliseconds time);
  // Blocks until poll() has one of `events`, or an error, to say of the descriptor. False where a signal came
  // first, even where the descriptor is ready too: one that always is would hide it. Calls `tick`, where
  // there is one, about ten times a second meanwhile.
  bool wait_until_ready(int descriptor, short events, const std::function<void()>& tick = {});
  // The signal that arrived while something was waited for; 0 for none.
  int arrived() const { return arrived_; }

  // The result, or nothing where a signal came first. Calls `tick` as above.
  template <class T>
  std::optional<Result<T>> wait_for(Pending<T> pending, const std::function<void()>& tick = {}) {
    struct Shared {
      std::shared_ptr<void> bell;
      std::optional<Result<T>> result;
    };
    auto shared = std::make_shared<Shared>();
    shared->bell = make_bell();
    const auto posted = pending.then([shared](Result<T> result) {
      shared->result.emplace(std::move(result));
      ring(shared->bell);
    });
    if (!posted) return Result<T>(fail(posted.error()));
    if (!wait_for_bell(shared->bell, tick)) return std::nullopt;
    return std::move(shared->result);
  }

 private:
  static std::shared_ptr<void> make_bell();
  static void ring(const std::shared_ptr<void>& bell);
  // False where a signal came first.
  bool wait_for_bell(const std::shared_ptr<void>& bell, const std::function<void()>& tick);

  int descriptor_ = -1;
  std::chrono::steady_clock::time_point ticked_;
  int arrived_ = 0;
};

}  // namespace rgtp::cli
