// rgtp bench: packets against memory, and both against what people would use instead.
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include <rgtp/version.h>

#include "cli/bench/campaign.h"
#include "cli/bench/page/page.h"
#include "cli/bench/page/picture.h"
#include "cli/bench/report.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/streams.h"

namespace rgtp::cli {

namespace {

using bench::Path;

struct BenchArguments {
  std::vector<std::uint64_t> sizes;
  std::vector<std::uint32_t> pullers;
  std::vector<std::string> links;
  std::vector<std::string> contenders;
  std::string peers;
  int rounds = 0;
  bool quick = false;
  bool json = false;
  std::string html;
  std::string svg;
  std::string command;  // as it was called
};

constexpr std::size_t help_columns = 80;
constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
const Path loopback;

std::vector<bench::Sweep> quick_sweeps() {
  return {{{loopback}, {4 * kib, mib, 64 * mib}, {1}}, {{loopback}, {mib}, {4}}};
}

// By size, by the number of pullers, over a veth pair, and by loss.
std::vector<bench::Sweep> all_sweeps() {
  const auto lossy = [](double loss) {
    return Path{.kind = Path::Kind::emulated, .rate_bits_per_s = 100e6, .delay_s = 0.01, .loss = loss};
  };
  return {{{loopback}, {4 * kib, 64 * kib, mib, 16 * mib, 256 * mib}, {1}},
          {{loopback}, {16 * mib}, {1, 4, 16}},
          {{{.kind = Path::Kind::veth}}, {64 * mib}, {1}},
          {{lossy(0), lossy(0.01), lossy(0.05)}, {4 * mib}, {1}}};
}

Result<std::vector<bench::Sweep>> sweeps_of(const BenchArguments& arguments) {
  if (arguments.sizes.empty() && arguments.pullers.empty() && arguments.links.empty())
    return arguments.quick ? quick_sweeps() : all_sweeps();
  bench::Sweep sweep{
      .paths = {loopback},
      .sizes = arguments.sizes.empty() ? std::vector{16 * mib} : arguments.sizes,
      .pullers = arguments.pullers.empty() ? std::vector{std::uint32_t{1}} : arguments.pullers};
  if (!arguments.links.empty()) sweep.paths.clear();
  for (const std::string& text : arguments.links) {
    auto path = Path::parse(text);
    if (!path) return fail(std::move(path).error());
    sweep.paths.push_back(*path);
  }
  return std::vector{std::move(sweep)};
}

Result<std::vector<const bench::Contender*>> contenders_of(const BenchArguments& arguments) {
  std::vector<const bench::Contender*> chosen;
  for (const std::string& name : arguments.contenders) {
    const bench::Contender* const contender = bench::find_contender(name);
    if (contender == nullptr) {
      std::string names;
      for (const bench::Contender& one : bench::contenders()) names += " " + std::string(one.name);
      return fail(Errc::invalid_argument,
                  fmt::format("--by {}: there is none of this name, but{}", name, names));
    }
    chosen.push_back(contender);
  }
  if (chosen.empty() && arguments.quick)
    for (const char* name : {"shm", "udp", "mmap", "unix", "tcp-cubic"})
      chosen.push_back(bench::find_contender(name));
  else if (chosen.empty())
    for (const bench::Contender& one : bench::contenders())
      if (!one.is_on_request) chosen.push_back(&one);
  return chosen;
}

Result<bench::Settings> settings_of(const BenchArguments& arguments) {
  auto sweeps = sweeps_of(arguments);
  if (!sweeps) return fail(std::move(sweeps).error());
  auto contenders = contenders_of(arguments);
  if (!contenders) return fail(std::move(contenders).error());
  return bench::Settings{.sweeps = std::move(*sweeps),
                         .rounds = arguments.rounds > 0 ? arguments.rounds : 3,
                         .contenders = std::move(*contenders),
                         .peers = arguments.peers,
                         .link_emulator = arguments.peers + "/link_emulator"};
}

// Beside this program, where the build puts them.
std::string peers_beside_this() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "bench-peers";
}

std::string this_command() {
  std::ifstream arguments("/proc/self/cmdline");
  std::string command;
  for (std::string word; std::getline(arguments, word, '\0');) command += (command.empty() ? "" : " ") + word;
  return command;
}

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%FT%TZ", &parts));
}

// On a terminal alone: the share that is done.
void show_progress(double share) {
  if (::isatty(STDERR_FILENO) != 0) say(fmt::format("\rmeasuring: {:3.0f} %", share * 100));
}

Result<void> write(const std::string& file, const std::string& text, std::ios::openmode mode) {
  std::ofstream out(file, mode);
  out << text;
  out.close();
  if (out) return {};
  return fail(Errc::io_error, file + ": not written: is there such a directory, and room?");
}

// The report as whoever asked wants it; what cannot be written keeps nothing else from it. The first error.
ExitCode tell(const bench::Report& made, const BenchArguments& arguments, Signals& signals) {
  ExitCode code = ExitCode::ok;
  const auto keep = [&](const std::string& file, const auto& text_of) {
    if (file.empty()) return;
    auto written = write(file, text_of(made), std::ios::trunc);
    if (!written && code == ExitCode::ok) code = report(written.error());
  };
  keep(arguments.html, bench::page_of);
  keep(arguments.svg, bench::picture_of);
  const ExitCode printed = print(arguments.json ? bench::json_of(made) : bench::table_of(made), signals);
  return code == ExitCode::ok ? printed : code;
}

ExitCode run(const BenchArguments& arguments, Signals& signals) {
  auto settings = settings_of(arguments);
  if (!settings) {
    say(settings.error().message() + "\n");
    return ExitCode::usage;
  }
  // Not after all the time that it takes.
  for (const std::string& file : {arguments.html, arguments.svg})
    if (!file.empty())
      if (auto writable = write(file, "", std::ios::app); !writable) return report(writable.error());
  bench::Campaign campaign(std::move(*settings), signals, show_progress);
  const auto done = campaign.run();
  if (::isatty(STDERR_FILENO) != 0) say("\r\x1b[K");
  // What was finished is told, however it ended.
  const bench::Report made{.machine = bench::Machine::here(),
                           .version = RGTP_VERSION,
                           .command = this_command(),
                           .made_at = now_utc(),
                           .measured = campaign.measured(),
                           .skipped = campaign.skipped(),
                           .is_whole = done.has_value()};
  if (const ExitCode told = tell(made, arguments, signals); told != ExitCode::ok) return told;
  if (done) return ExitCode::ok;
  return done.error().code == Errc::cancelled ? exit_code_for(signals.arrived()) : report(done.error());
}

}  // namespace

void add_bench_command(CLI::App& app, Run& chosen) {
  auto arguments = std::make_shared<BenchArguments>();
  arguments->peers = peers_beside_this();
  CLI::App* const command = app.add_subcommand("bench", "Measure packets against memory, and other ways");
  command->add_option("--size", arguments->sizes, "of the surface, such as 4k,256m")
      ->delimiter(',')
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{4} << 30))
      ->option_text("SIZES");
  command->add_option("--pullers", arguments->pullers, "at a time, such as 1,16; at most 64")
      ->delimiter(',')
      ->check(CLI::Range(1, 64))
      ->option_text("NUMBERS");
  command->add_option("--link", arguments->links, "veth or rate=100M,delay=10ms,loss=1%; as root")
      ->option_text("LINK");
  command->add_option("--by", arguments->contenders, "such as shm,udp,tcp-cubic; all but files")
      ->delimiter(',')
      ->option_text("NAMES");
  command->add_option("--rounds", arguments->rounds, "how often, all by turns")
      ->check(CLI::Range(1, 1000))
      ->option_text("NUMBER [3]");
  command->add_flag("--quick", arguments->quick, "a small set, within 45 s");
  command->add_flag("--json", arguments->json, "every round, as JSON (rgtp-bench/1)");
  command->add_option("--html", arguments->html, "write a page with charts there")->option_text("FILE");
  command->add_option("--svg", arguments->svg, "write its first chart there")->option_text("FILE");
  command->add_option("--peers", arguments->peers, "where the programs are that it compares with")
      ->option_text("DIRECTORY");
  std::string names = "Names:";
  std::size_t line = names.size();
  for (const bench::Contender& one : bench::contenders()) {
    const bool is_full = line + 1 + one.name.size() > help_columns;
    names += is_full ? "\n  " : " ";
    line = (is_full ? 2 : line + 1) + one.name.size();
    names += one.name;
  }
  command->footer(names + "\nExample: rgtp bench --html bench.html");
  command->callback(
      [arguments, &chosen] { chosen = [arguments](Signals& signals) { return run(*arguments, signals); }; });
}

}  // namespace rgtp::cli
