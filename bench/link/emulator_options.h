// The emulator's command line: every property of the link for both directions at once, or for one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "link/link_model.h"

namespace rgtp::bench {

struct EmulatorOptions {
  struct End {
    std::string space;   // network namespace
    std::string device;  // TUN device there
  };
  std::array<End, 2> ends;
  std::array<LinkOptions, 2> directions;  // from the first end to the second, and back
  std::uint64_t seed = 1;
};

// A property of the link, and what each direction has instead.
struct PerDirection {
  double both = 0;
  std::array<std::optional<double>, 2> own;

  double of(std::size_t direction) const { return own[direction].value_or(both); }
};

// Reads the command line into EmulatorOptions; CLI::ParseError from parse().
class EmulatorCommandLine {
 public:
  EmulatorCommandLine();
  EmulatorOptions parse(int argc, char** argv);
  int exit(const CLI::ParseError& error) const { return app_.exit(error); }

 private:
  void add(const std::string& name, PerDirection& property, const std::string& help, double most);
  LinkOptions direction(std::size_t i) const;

  CLI::App app_;
  EmulatorOptions options_;
  PerDirection rate_, delay_, queue_, loss_, loss_run_{.both = 1, .own = {}}, reorder_, held_back_,
      duplicate_, jitter_, mark_above_;
};

}  // namespace rgtp::bench
