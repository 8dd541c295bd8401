// The rgtp command.
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <rgtp/version.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/routes.h"
#include "cli/streams.h"

namespace rgtp::cli {

Log log_to_stderr(Verbosity verbosity) {
  return [verbosity](LogLevel level, std::string_view line) {
    if (level != LogLevel::debug || verbosity == Verbosity::verbose) say(fmt::format("rgtp: {}\n", line));
  };
}

namespace {

// Every process of this host may read these: whoever has a locator can pull.
void blank_locators(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    const std::size_t scheme_end = argument.find("://");
    if (scheme_end == std::string_view::npos || argument.find("rgtp") > scheme_end) continue;
    const std::size_t fragment = argument.find('#');
    const bool has_key =
        fragment != std::string_view::npos && argument.substr(fragment).find("k=") != std::string_view::npos;
    std::fill(argv[i] + scheme_end + 3, argv[i] + argument.size(), '*');
    if (has_key)
      say("rgtp: a key stood among the arguments, where others on this host could read it until now: give "
          "the "
          "locator by - (stdin) or @FILE\n");
  }
}

class HelpOfOneScreen : public CLI::Formatter {
 public:
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override {
    return group == named_in_the_footer ? "" : CLI::Formatter::make_group(group, is_positional, options);
  }
};

ExitCode run(int argc, char** argv) {
  reserve_standard_descriptors();
  CLI::App app("Expose bytes once, let any number of others pull them.", "rgtp");
  app.formatter(std::make_shared<HelpOfOneScreen>());
  app.set_version_flag("--version", RGTP_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 2 usage or malformed locator, 3 no such surface, 4 exposer\n"
      "not reached, 5 denied, 6 disk or memory full, 7 file or directory missing,\n"
      "8 output exists, 9 exposer ended, 10 timed out, 11 bad data or version, 12 port\n"
      "taken, 13 wrong key, 129, 130 and 143 by signal, 1 anything else.");
  Run chosen;
  add_expose_command(app, chosen);
  add_pull_command(app, chosen);
  add_host_commands(app, chosen);
  add_bench_command(app, chosen);
  // Whoever reads it has found it: its line is for another option.
  for (CLI::App* command : app.get_subcommands({})) command->get_help_ptr()->group("");
  // CLI11 takes them from the back.
  std::vector<std::string> arguments(std::make_reverse_iterator(argv + argc),
                                     std::make_reverse_iterator(argv + std::min(argc, 1)));
  blank_locators(argc, argv);
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    // What it says may repeat an argument.
    std::ostringstream help;
    std::ostringstream wrong;
    const bool is_wrong = app.exit(error, help, wrong) != 0;
    (void)std::fputs(help.str().c_str(), stdout);
    say(wrong.str());
    return is_wrong ? ExitCode::usage : ExitCode::ok;
  }
  Signals signals;
  return chosen(signals);
}

}  // namespace

}  // namespace rgtp::cli

int main(int argc, char** argv) { return static_cast<int>(rgtp::cli::run(argc, argv)); }
