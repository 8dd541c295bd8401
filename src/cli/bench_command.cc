// rgtp bench: packets against memory, on this host.
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/bench/campaign.h"
#include "cli/bench/report.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/streams.h"

namespace rgtp::cli {

namespace {

struct BenchArguments {
  std::vector<std::uint64_t> sizes;
  std::vector<std::uint32_t> pullers;
  int rounds = 0;
  bool quick = false;
  bool json = false;
};

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;

bench::Settings settings_of(const BenchArguments& arguments) {
  bench::Settings settings{.sizes = {4 * kib, 64 * kib, mib, 16 * mib, 256 * mib},
                           .pullers = {1, 4, 16},
                           .routes = {"shm", "udp"},
                           .rounds = 5};
  if (arguments.quick) {
    settings.sizes = {4 * kib, mib, 64 * mib};
    settings.pullers = {1, 4};
    settings.rounds = 3;
  }
  if (!arguments.sizes.empty()) settings.sizes = arguments.sizes;
  if (!arguments.pullers.empty()) settings.pullers = arguments.pullers;
  if (arguments.rounds > 0) settings.rounds = arguments.rounds;
  return settings;
}

// On a terminal alone: the share that is done.
void show_progress(double share) {
  if (::isatty(STDERR_FILENO) != 0) say(fmt::format("\rmeasuring: {:3.0f} %", share * 100));
}

ExitCode run(const BenchArguments& arguments, Signals& signals) {
  bench::Campaign campaign(settings_of(arguments), signals, show_progress);
  const auto done = campaign.run();
  if (::isatty(STDERR_FILENO) != 0) say("\r\x1b[K");
  // What was finished is told, however it ended.
  const auto machine = bench::Machine::here();
  if (!campaign.measured().empty()) {
    const auto& measured = campaign.measured();
    const ExitCode printed = print(
        arguments.json ? bench::json_of(measured, machine) : bench::table_of(measured, machine), signals);
    if (printed != ExitCode::ok) return printed;
  }
  if (done) return ExitCode::ok;
  return done.error().code == Errc::cancelled ? exit_code_for(signals.arrived()) : report(done.error());
}

}  // namespace

void add_bench_command(CLI::App& app, Run& chosen) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App* const command = app.add_subcommand("bench", "Measure packets against memory on this host");
  command->add_option("--size", arguments->sizes, "Sizes of the surface, such as 4k,256m")
      ->delimiter(',')
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{4} << 30));
  command->add_option("--pullers", arguments->pullers, "Pullers at a time, such as 1,16")
      ->delimiter(',')
      ->check(CLI::Range(1, 64));
  command->add_option("--rounds", arguments->rounds, "How often, each way by turns")
      ->check(CLI::Range(1, 1000));
  command->add_flag("--quick", arguments->quick, "A small set, within 45 s");
  command->add_flag("--json", arguments->json, "Every round, as JSON (rgtp-bench/1)");
  command->footer("Example: rgtp bench --quick");
  command->callback(
      [arguments, &chosen] { chosen = [arguments](Signals& signals) { return run(*arguments, signals); }; });
}

}  // namespace rgtp::cli
