#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>

#include <fmt/format.h>

#include <rgtp/rgtp.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/output_name.h"
#include "cli/progress_bar.h"
#include "cli/routes.h"
#include "cli/streams.h"
#include "cli/users.h"

namespace rgtp::cli {

namespace {

// What Locator::parse() takes.
constexpr std::size_t longest_locator_bytes = 4096;

struct PullArguments {
  std::string locator;
  std::string output;
  std::string route = "auto";
  std::vector<std::string> trusted;
  double timeout_s = 10;
  UdpOptions udp;
  bool verbose = false;
};

// The locator as an argument, or the first line of stdin or of a file, so that it need not stand where others
// can see it. Nothing where a signal came first.
std::optional<Result<Locator>> read_locator(const std::string& argument, Signals& signals) {
  std::string text = argument;
  if (argument == "-" || argument.starts_with('@')) {
    auto line = argument == "-" ? read_line(signals, longest_locator_bytes + 1)
                                : read_line_of(argument.substr(1), signals, longest_locator_bytes + 1);
    if (!line) return std::nullopt;
    if (!*line) return fail(line->error());
    text = std::move(**line);
  }
  // Lines end differently elsewhere. One that was cut stays too long, whatever it ended with.
  if (text.size() <= longest_locator_bytes) text.erase(text.find_last_not_of(" \t\r") + 1);
  auto locator = Locator::parse(text);
  wipe(text);
  return locator;
}

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

void print_stats(const Pull& pull) {
  const Stats s = pull.stats();
  for (const std::string& reason : s.routes_not_taken) say(fmt::format("not taken: {}\n", reason));
  say(fmt::format(
      "route {}, {} bytes, {} of them verified, {} chunks\n"
      "{} slices asked for, {} of them again, {} lost and {} requests, {} too early, {} marked, {} "
      "duplicates,"
      " {} probes\n"
      "{} datagrams received in {} batches, {} dropped and {} by the socket; MTU {}\n"
      "round trip {:.3f} ms and {:.3f} at the exposer, {}/s, window {}, first chunk after {:.3f} ms\n",
      pull.transport(), s.bytes, s.verified_bytes, s.chunks, s.slices_asked, s.slices_asked_again,
      s.slices_lost, s.requests_lost, s.spurious_losses, s.marked, s.duplicates, s.probe_timeouts,
      s.datagrams_received, s.receive_batches, s.datagrams_dropped, s.socket_drops, s.mtu,
      milliseconds(s.rtt), milliseconds(s.service_delay), human_bytes(static_cast<double>(s.rate)),
      human_bytes(static_cast<double>(s.window_bytes)), milliseconds(s.time_to_first_chunk)));
}

// CLI::Range takes what is neither below nor above it.
std::string refuse_nan(const std::string& text) {
  return std::isnan(std::strtod(text.c_str(), nullptr)) ? "'" + text + "' is not a number" : "";
}

// One run of `rgtp pull`.
class PullRun {
 public:
  PullRun(const PullArguments& arguments, Signals& signals) : arguments_(arguments), signals_(signals) {}

  ExitCode run() {
    // The locator may bring a key.
    if (auto kept = keep_out_of_dumps(); !kept) return report(kept.error());
    const auto locator = read_locator(arguments_.locator, signals_);
    if (!locator) return exit_code_for(signals_.arrived());
    if (!*locator) return report(locator->error());
    const Log log = log_to_stderr(arguments_.verbose ? Verbosity::verbose : Verbosity::normal);
    const auto timeout =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(arguments_.timeout_s));
    ShmOptions memory{.log = log};
    for (const std::string& name : arguments_.trusted) {
      const auto user = user_called(name);
      if (!user) return report({Errc::invalid_argument, "there is no user called '" + name + "' to trust"});
      memory.trust.push_back(*user);
    }
    UdpOptions udp = arguments_.udp;
    udp.idle_timeout = timeout;
    udp.log = log;
    if (udp.fixed_rate > 0) udp.congestion = Congestion::fixed;
    auto puller = Puller::open({.transports = transports_for(arguments_.route, memory, udp), .log = log});
    if (!puller) return report(puller.error());
    if (arguments_.output == "-") return pull_to_stdout(*puller, **locator);
    if (!arguments_.output.empty())
      return pull_to_file(*puller, **locator, arguments_.output, IfExists::replace);
    return pull_to_own_name(*puller, **locator);
  }

 private:
  ExitCode pull_to_stdout(Puller& puller, const Locator& locator) {
    // A reader of stdout that is slower than the network is waited for: the window is the default one.
    const PullOptions options{.order = Order::content, .verify = Verify::always};
    Pull pull = puller.pull(locator, options);
    StdoutWriter output(signals_);
    while (true) {
      auto chunk = signals_.wait_for(pull.next());
      if (!chunk) return exit_code_for(signals_.arrived());
      if (!*chunk) return report(chunk->error());
      if (!**chunk) break;
      const auto written = output.write((**chunk)->bytes());
      if (!written) return exit_code_for(signals_.arrived());
      if (!*written) return report(written->error());
    }
    if (arguments_.verbose) print_stats(pull);
    return ExitCode::ok;
  }

  ExitCode pull_to_file(Puller& puller, const Locator& locator, const std::filesystem::path& path,
                        IfExists if_exists) {
    const auto started = std::chrono::steady_clock::now();
    Pull pull = puller.pull(locator, {.into = path, .if_exists = if_exists});
    ProgressBar bar(path.filename().string());
    auto view = signals_.wait_for(pull.complete(), [&] {
      const auto manifest = pull.manifest();
      if (!manifest) return;
      bar.draw(pull.stats().bytes, manifest->size_pending ? std::nullopt : std::optional(manifest->size));
    });
    bar.clear();
    if (!view) return exit_code_for(signals_.arrived());
    if (!*view) return report(view->error());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    const auto size = static_cast<double>((*view)->size());
    say(fmt::format("{}: {} in {:.2f} s, {}/s by {}\n", path.string(), human_bytes(size), seconds,
                    human_bytes(size / seconds), pull.transport()));
    if (arguments_.verbose) print_stats(pull);
    return ExitCode::ok;
  }

  ExitCode pull_to_own_name(Puller& puller, const Locator& locator) {
    // The manifest alone says the name.
    Pull look = puller.pull(locator, {.range = {0, 0}});
    auto seen = signals_.wait_for(look.complete());
    if (!seen) return exit_code_for(signals_.arrived());
    if (!*seen) return report(seen->error());
    return pull_to_file(puller, locator, clean_output_name(look.manifest()->name), IfExists::refuse);
  }

  const PullArguments& arguments_;
  Signals& signals_;
};

}  // namespace

void add_pull_command(CLI::App& app, Run& chosen) {
  auto arguments = std::make_shared<PullArguments>();
  CLI::App* command = app.add_subcommand("pull", "Fetch a surface, verified, to a file or stdout");
  command
      ->add_option("LOCATOR", arguments->locator,
                   "what `rgtp expose` printed; - for stdin,\n@FILE for a file that holds it")
      ->required();
  command->add_option("-o,--output", arguments->output,
                      "file to write or replace; - for stdout. By default\n"
                      "the surface's own name, and nothing is replaced");
  command->add_option("--timeout", arguments->timeout_s, "give up after so many seconds of silence")
      ->check(CLI::Range(0.1, 86400.0))
      ->check(refuse_nan)
      ->option_text("SECONDS [10]");
  add_packet_options(*command, arguments->udp, "ask for");
  static const std::map<std::string, Congestion> controllers = {
      {"bbr", Congestion::bbr_like}, {"cubic", Congestion::cubic}, {"background", Congestion::background}};
  CLI::Option* const controller = command
                                      ->add_option("--congestion", arguments->udp.congestion,
                                                   "how packets find their rate: bbr, cubic (as TCP\n"
                                                   "does) or background (gives way to others)")
                                      ->transform(CLI::CheckedTransformer(controllers).description(""))
                                      ->option_text("NAME [bbr]");
  command->add_option("--rate", arguments->udp.fixed_rate, "bytes a second instead, such as 25MB")
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::PositiveNumber)
      ->option_text("RATE")
      ->excludes(controller);
  add_route_option(*command, arguments->route);
  command->add_option("--trust", arguments->trusted, "user whose shared memory is mapped too")
      ->type_name("USER");
  command->add_flag("--verbose", arguments->verbose, "say more on stderr")->group(named_in_the_footer);
  command->footer(
      "Also: --mtu BYTES, --no-offload, --verbose.\n"
      "Example: rgtp pull rgtp://host:9000/0123456789abcdef0123456789abcdef -o a.bin");
  command->callback([&chosen, arguments] {
    chosen = [arguments](Signals& signals) { return PullRun(*arguments, signals).run(); };
  });
}

}  // namespace rgtp::cli
