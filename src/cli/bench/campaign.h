// What is measured, in which order, and what came of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <rgtp/error.h>

#include "cli/bench/contender.h"
#include "cli/bench/network.h"
#include "cli/bench/path.h"
#include "cli/bench/side.h"
#include "cli/signals.h"

namespace rgtp::cli::bench {

// Every combination of these.
struct Sweep {
  std::vector<Path> paths;
  std::vector<std::uint64_t> sizes;
  std::vector<std::uint32_t> pullers;  // at a time, each a process
};

struct Settings {
  std::vector<Sweep> sweeps;  // a case that stands in two is measured once
  int rounds = 0;
  std::vector<const Contender*> contenders;  // by turns, so that what slows the host slows all of them
  std::string peers;                         // directory of their programs
  std::string link_emulator;                 // path of that program
  std::chrono::seconds patience{30};         // with a side that does not answer, beside what the bytes take
};

// A case is cold where its pullers are new processes, which open what they pull with within the time that
// counts.
enum class State { cold, warm };

struct Case {
  Path path;
  std::uint64_t size = 0;
  std::uint32_t pullers = 0;
  State state = State::cold;
  const Contender* by = nullptr;

  friend bool operator==(const Case&, const Case&) = default;
};

// A case once.
struct Round {
  std::vector<Transfer> transfers;  // of all pullers
  double bytes_per_s = 0;   // of all pullers together, from the first one's first call until the last byte
  std::uint64_t bytes = 0;  // that came to them
  Cost exposer;
  Cost pullers;
  Traffic traffic;
};

struct Measured {
  Case of;
  double offered_s = 0;  // how long it took to offer the content, once
  std::vector<Round> rounds;
};

// What could not be measured here, and why.
struct Skipped {
  std::string what;
  std::string why;

  friend bool operator==(const Skipped&, const Skipped&) = default;
};

// What the time of a transfer includes, in words.
std::string included_in(const Case& one);

class Campaign {
 public:
  // `tick` is called now and then with the share that is done, from 0 to 1.
  Campaign(Settings settings, Signals& signals, std::function<void(double)> tick);

  // Until all is done, something fails or a signal arrives: what was finished before is in measured() all the
  // same. What this host has not is skipped, and so is a peer that fails, unless by wrong
  // bytes.
  [[nodiscard]] Result<void> run();
  // Whole cases and what there is of the last ones, in the order of Settings.
  const std::vector<Measured>& measured() const { return measured_; }
  const std::vector<Skipped>& skipped() const { return skipped_; }

 private:
  // A contender's exposer, for as long as one size is measured over one path.
  struct Offer {
    const Contender* by;
    Party exposer;
    Offered offered;
    bool is_over;  // it answers no longer
  };

  struct Pullers {
    ~Pullers() {
      for (const Party& party : parties) party.let_go();
    }
    std::vector<Party> parties;
  };

  Result<void> run_path(const Path& path, const Sweep& sweep);
  Result<void> run_size(const Network& network, const Path& path, const Sweep& sweep, std::uint64_t size);
  // Nothing where this host has no such way.
  Result<std::optional<Offer>> offer(const Contender& contender, const Network& network,
                                     const Content& content);
  Result<Round> run_round(Offer& offer, const Network& network, const Content& content, const Case& one);
  // By all of them at the same time, once all are there.
  Result<std::vector<Pulled>> pull(Pullers& pullers, std::chrono::seconds within, const std::string& order);
  // The party's next answer, parsed; cancelled where a signal came first.
  template <class Answer>
  Result<Answer> hear(Party& party, std::chrono::seconds within, Result<Answer> (*parse)(const std::string&));
  std::chrono::seconds patience_with(const Case& one, double times) const;
  void skip(std::string what, std::string why);
  bool is_measured(const Case& one) const;
  // That its rounds took so far.
  double seconds_of(const Case& one) const;
  void keep(const Case& one, const Offered& offered, Round round);

  const Settings settings_;
  Signals& signals_;
  const std::function<void(double)> tick_;
  std::vector<Measured> measured_;
  std::vector<Skipped> skipped_;
  std::size_t rounds_done_ = 0;
  std::size_t rounds_in_all_ = 0;  // at most
};

}  // namespace rgtp::cli::bench
