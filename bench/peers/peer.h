// What a program that `rgtp bench` compares with is made of: its two sides, as `PROGRAM expose|pull
// ARGUMENT`, which answer the lines of standard input (cli/bench/side.h).
#pragma once

#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "cli/bench/side.h"

namespace rgtp::bench {

using cli::bench::Consumer;
using cli::bench::Exposing;
using cli::bench::piece_bytes;
using cli::bench::Pulling;
using cli::bench::Traffic;

// A peer's main(). Its sides are made by `open_exposing(argument)` and `open_pulling(argument)`, which may
// throw.
inline int run_peer(int argc, char** argv,
                    const std::function<std::unique_ptr<Exposing>(const std::string&)>& open_exposing,
                    const std::function<std::unique_ptr<Pulling>(const std::string&)>& open_pulling) {
  const std::string side = argc > 1 ? argv[1] : "";
  const std::string argument = argc > 2 ? argv[2] : "";
  if (side == "expose") {
    const auto answer = cli::bench::exposing_side(
        [&]() -> Result<std::unique_ptr<Exposing>> { return open_exposing(argument); });
    cli::bench::answer_lines(answer);
    std::_Exit(0);  // its threads use what a destructor would take from them
  }
  if (side == "pull") {
    cli::bench::answer_lines(cli::bench::pulling_side(
        [&]() -> Result<std::unique_ptr<Pulling>> { return open_pulling(argument); }));
    return 0;
  }
  std::cerr << "usage: " << argv[0] << " expose|pull ARGUMENT: rgtp bench starts it\n";
  return 2;
}

}  // namespace rgtp::bench
