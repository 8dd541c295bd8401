#include <memory>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <rgtp/rgtp.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/routes.h"
#include "cli/streams.h"

namespace rgtp::cli {

namespace {

struct ExposeArguments {
  std::vector<std::string> files;
  std::string route = "auto";
  std::string local_name;
  UdpOptions udp;
  bool verbose = false;
};

void print_stats(const Surface& surface) {
  const Stats stats = surface.stats();
  say(fmt::format("{}: {} requests, {} datagrams and {} bytes sent, {} slices not served for lack of room\n",
                  surface.manifest().name, stats.requests, stats.datagrams_sent, stats.bytes_sent,
                  stats.request_overflows));
}

ExitCode run_expose(const ExposeArguments& arguments, Signals& signals) {
  UdpOptions udp = arguments.udp;
  udp.log = log_to_stderr(arguments.verbose ? Verbosity::verbose : Verbosity::normal);
  auto exposer =
      Exposer::open({.transports = transports_for(arguments.route, {.log = udp.log}, udp), .log = udp.log});
  if (!exposer) return report(exposer.error());
  StdoutWriter output(signals);
  std::vector<Surface> surfaces;
  for (const std::string& file : arguments.files) {
    auto surface =
        signals.wait_for(exposer->expose(Source::file(file), {.local_name = arguments.local_name}));
    if (!surface) return ExitCode::ok;  // told to end before it was all tagged
    if (!*surface) return report(surface->error());
    // Locators alone on stdout, one a line, at once: a script reads them while this goes on. What nobody can
    // find need not be served.
    const std::string line = (*surface)->locator().reveal() + '\n';
    const auto written = output.write(std::as_bytes(std::span(line)));
    if (!written) return ExitCode::ok;
    if (!*written) return report(written->error());
    surfaces.push_back(std::move(**surface));
  }
  signals.wait();
  if (arguments.verbose)
    for (const Surface& surface : surfaces) print_stats(surface);
  return ExitCode::ok;
}

}  // namespace

void add_expose_command(CLI::App& app, Run& chosen) {
  auto arguments = std::make_shared<ExposeArguments>();
  CLI::App* command = app.add_subcommand("expose", "Offer files; prints a locator for each");
  command->add_option("FILE", arguments->files, "what to offer")->required();
  command
      ->add_option("--bind", arguments->udp.bind,
                   "ADDRESS:PORT or [IPV6]:PORT to listen on;\n0.0.0.0:0 for every interface")
      ->capture_default_str();
  command->add_option("--advertise", arguments->udp.advertise, "host to name in locators");
  add_packet_options(*command, arguments->udp, "send");
  add_route_option(*command, arguments->route);
  command->add_option("--local", arguments->local_name,
                      "name under which this user's processes on this\n"
                      "host find the file, as rgtp://local/NAME");
  command->add_flag("--verbose", arguments->verbose, "say more on stderr");
  command->footer("Ends by SIGINT or SIGTERM. Example: rgtp expose model.bin --bind 0.0.0.0:9000");
  command->callback([&chosen, arguments] {
    if (!arguments->local_name.empty() && arguments->files.size() > 1)
      throw CLI::ValidationError("--local", "one name, one file: expose several by several commands");
    chosen = [arguments](Signals& signals) { return run_expose(*arguments, signals); };
  });
}

}  // namespace rgtp::cli
