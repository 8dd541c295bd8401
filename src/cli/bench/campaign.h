// What is measured, in which order, and what came of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <rgtp/error.h>

#include "cli/bench/roles.h"
#include "cli/signals.h"

namespace rgtp::cli::bench {

struct Settings {
  std::vector<std::uint64_t> sizes;
  std::vector<std::uint32_t> pullers;  // at a time, each a process
  std::vector<std::string> routes;     // by turns, so that what slows the host slows all of them
  int rounds = 0;
};

// A case is cold where its pullers are new processes, which open their Puller within the time that counts.
enum class State { cold, warm };

struct Case {
  std::uint64_t size = 0;
  std::uint32_t pullers = 0;
  State state = State::cold;
  std::string route;

  friend bool operator==(const Case&, const Case&) = default;
};

// A case once.
struct Round {
  std::vector<Transfer> transfers;  // of all pullers
  double bytes_per_s = 0;           // of all pullers together, until the last one has its last byte
  std::uint64_t bytes = 0;          // that came to them
  Cost exposer;
  Cost pullers;
  std::uint64_t datagrams = 0;
  std::uint64_t asked_again = 0;
};

struct Measured {
  Case of;
  std::vector<Round> rounds;
};

// What the time of a transfer includes, in words.
std::string included_in(const Case& one);

class Campaign {
 public:
  // `tick` is called now and then with the share that is done, from 0 to 1.
  Campaign(Settings settings, Signals& signals, std::function<void(double)> tick);

  // Until all is done, something fails or a signal arrives: what was finished before is in measured() all the
  // same.
  [[nodiscard]] Result<void> run();
  // Whole cases and what there is of the last ones, in the order of Settings.
  const std::vector<Measured>& measured() const { return measured_; }

 private:
  Result<void> run_size(std::uint64_t size);
  Result<Round> run_round(Party& exposer, const Offered& offered, const Case& one);
  // The party's next answer, parsed; cancelled where a signal came first.
  template <class Answer>
  Result<Answer> hear(Party& party, Result<Answer> (*parse)(const std::string&));
  void keep(const Case& one, Round round);

  const Settings settings_;
  Signals& signals_;
  const std::function<void(double)> tick_;
  std::vector<Measured> measured_;
  std::size_t rounds_done_ = 0;
};

}  // namespace rgtp::cli::bench
