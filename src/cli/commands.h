// The subcommands: each adds its options to the parser and runs when it was chosen.
#pragma once

#include <functional>
#include <string>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <rgtp/log.h>

#include "cli/exit_code.h"
#include "cli/signals.h"

namespace rgtp::cli {

using Run = std::function<ExitCode(Signals&)>;

// `chosen` is set to what to run when the subcommand was given.
void add_expose_command(CLI::App& app, Run& chosen);
void add_pull_command(CLI::App& app, Run& chosen);
void add_host_commands(CLI::App& app, Run& chosen);
void add_bench_command(CLI::App& app, Run& chosen);

enum class Verbosity { normal, verbose };
// Warnings and more to stderr; under `verbose` everything.
Log log_to_stderr(Verbosity verbosity);

}  // namespace rgtp::cli
