// What was measured, as text for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "cli/bench/campaign.h"

namespace rgtp::cli::bench {

// Where it was measured.
struct Machine {
  std::string processor;
  unsigned processors = 0;
  std::string kernel;

  static Machine here();
};

// Two tables: how fast, and at what cost.
std::string table_of(const std::vector<Measured>& measured, const Machine& machine);

// One object, "schema": "rgtp-bench/1"; seconds, bytes and counts, each round by itself.
std::string json_of(const std::vector<Measured>& measured, const Machine& machine);

}  // namespace rgtp::cli::bench
