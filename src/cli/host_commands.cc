// `rgtp ls` and `rgtp gc`: what is in this host's shared memory.
#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include <fmt/format.h>

#include <rgtp/group.h>
#include <rgtp/host.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/doctor.h"
#include "cli/output_name.h"
#include "cli/progress_bar.h"
#include "cli/routes.h"
#include "cli/streams.h"
#include "cli/users.h"

namespace rgtp::cli {

namespace {

std::string state_of(const HostSurface::Details& details) {
  switch (details.state) {
    case SurfaceState::growing: return "growing";
    case SurfaceState::finished: return details.persistent ? "finished, persistent" : "finished";
    case SurfaceState::aborted: return "aborted";
    case SurfaceState::withdrawn: return "withdrawn";
  }
  return "unknown";
}

using Line = std::vector<std::string>;

Line line_of(const HostSurface& surface, bool with_ids) {
  Line line = {name_of_user(surface.user)};
  if (const auto& details = surface.details) {
    // A header's name is whatever its owner wrote.
    for (std::string& field :
         Line{details->name.empty() ? "-" : clean_output_name(details->name),
              (details->size_known ? "" : "up to ") + human_bytes(static_cast<double>(details->size)),
              fmt::format("{}/{}", details->published,
                          details->size_known ? fmt::to_string(details->chunks) : "?"),
              state_of(*details), details->owner_alive ? "alive" : "dead",
              details->source ? "shm, file" : "shm"})
      line.push_back(std::move(field));
    if (with_ids) line.push_back(details->id.to_hex());
  } else {
    line.push_back(fmt::format("({})", surface.problem));
  }
  return line;
}

Line network_line_of(const Advertisement& surface) {
  // Whoever sends it writes what it likes.
  std::string host = surface.host;
  std::erase_if(host,
                [](unsigned char c) { return std::isalnum(c) == 0 && std::strchr(".:%-_", c) == nullptr; });
  const bool is_v6 = host.find(':') != std::string::npos;
  return {is_v6 ? fmt::format("[{}]:{}", host, surface.port) : fmt::format("{}:{}", host, surface.port),
          surface.name.empty() ? "-" : clean_output_name(surface.name),
          (surface.size_known ? "" : "up to ") + human_bytes(static_cast<double>(surface.size)),
          surface.id ? surface.id->to_hex() : "-"};
}

std::string table_of(const std::vector<Line>& lines) {
  std::vector<std::size_t> widths;
  for (const Line& line : lines)
    // A problem takes the rest of its line.
    for (std::size_t column = 0; line.size() > 2 && column < line.size(); ++column) {
      if (column == widths.size()) widths.push_back(0);
      widths[column] = std::max(widths[column], line[column].size());
    }
  std::string text;
  for (const Line& line : lines) {
    for (std::size_t column = 0; column < line.size(); ++column) {
      const bool last = column + 1 == line.size();
      text += last ? line[column] + "\n" : fmt::format("{:<{}}  ", line[column], widths[column]);
    }
  }
  return text;
}

ExitCode run_ls(bool with_ids, Signals& signals) {
  const auto surfaces = list_host_surfaces();
  if (!surfaces) return report(surfaces.error());
  std::vector<Line> lines = {{"USER", "NAME", "SIZE", "CHUNKS", "STATE", "OWNER", "ROUTE"}};
  if (with_ids) lines.front().emplace_back("ID");
  for (const HostSurface& surface : *surfaces) lines.push_back(line_of(surface, with_ids));
  return print(table_of(lines), signals);
}

// Heard from several exposers, or again and again, each is one line. Anybody can send to a group: no more are
// kept than somebody would read.
constexpr std::size_t most_heard = 10'000;
constexpr std::chrono::seconds listening_time(3);
constexpr std::chrono::milliseconds look_interval(50);
constexpr std::size_t most_at_once = 1000;

ExitCode run_ls_network(const std::string& group, Signals& signals) {
  auto receiver = GroupReceiver::open(group);
  if (!receiver) return report(receiver.error());
  const auto end = std::chrono::steady_clock::now() + listening_time;
  std::set<Line> heard;
  while (std::chrono::steady_clock::now() < end && !signals.arrive_within(look_interval))
    for (std::size_t taken = 0; taken < most_at_once; ++taken) {
      const auto surface = receiver->receive();
      if (!surface) break;
      if (heard.size() < most_heard) heard.insert(network_line_of(*surface));
    }
  std::vector<Line> lines = {{"ADDRESS", "NAME", "SIZE", "ID"}};
  lines.insert(lines.end(), heard.begin(), heard.end());
  return print(table_of(lines), signals);
}

ExitCode run_gc(const ClearOptions& options) {
  const auto cleared = clear_host("/dev/shm", options);
  if (!cleared) return report(cleared.error());
  say(fmt::format("{} {} surfaces ({}), {} names and {} lock files of processes that have ended\n",
                  options.look_only ? "would remove" : "removed", cleared->segments,
                  human_bytes(static_cast<double>(cleared->bytes)), cleared->names, cleared->owners));
  for (const std::string& problem : cleared->problems) say(fmt::format("rgtp: {}\n", problem));
  return cleared->problems.empty() ? ExitCode::ok : ExitCode::failure;
}

ExitCode run_doctor(Signals& signals) {
  const auto findings = diagnose(read_host_settings());
  if (const ExitCode printed = print(report_on(findings), signals); printed != ExitCode::ok) return printed;
  const bool broken = std::ranges::any_of(
      findings, [](const Finding& finding) { return finding.grade == Finding::Grade::broken; });
  return broken ? ExitCode::failure : ExitCode::ok;
}

}  // namespace

void add_host_commands(CLI::App& app, Run& chosen) {
  CLI::App* ls = app.add_subcommand("ls", "List surfaces in this host's shared memory");
  auto with_ids = std::make_shared<bool>(false);
  ls->add_flag("--ids", *with_ids, "print ids too: whoever sees one can pull");
  auto group = std::make_shared<std::string>();
  ls->add_option(
        "--network", *group,
        "surfaces on the network instead, whose exposers tell a\nmulticast group of them: listens for 3 s")
      ->expected(0, 1)
      ->default_str(default_group)
      ->option_text(fmt::format("[ADDRESS:PORT]"));
  ls->callback([&chosen, ls, with_ids, group] {
    const bool network = ls->count("--network") > 0;
    chosen = [network, with_ids, group](Signals& signals) {
      return network ? run_ls_network(*group, signals) : run_ls(*with_ids, signals);
    };
  });
  CLI::App* gc = app.add_subcommand("gc", "Remove what dead exposers left in shared memory");
  auto options = std::make_shared<ClearOptions>();
  gc->add_option("--persistent", options->name,
                 "persistent surfaces of no process too: all, or\nthose of a name")
      ->expected(0, 1)
      ->option_text("[NAME]");
  static const std::map<std::string, std::int64_t> units = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}};
  auto age = std::make_shared<std::int64_t>(0);
  gc->add_option("--older", *age, "of those, what was exposed so long ago, such as 30m or 7d")
      ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED, "TIME"))
      ->option_text("TIME")
      ->needs("--persistent");
  gc->add_flag("--dry-run", options->look_only, "tell what would go, and remove nothing");
  gc->footer("This user's; for root everybody's. What is alive is never touched.");
  gc->callback([&chosen, gc, options, age] {
    options->persistent = gc->count("--persistent") > 0;
    if (gc->count("--older") > 0) options->older_than = std::chrono::seconds(*age);
    chosen = [options](Signals&) { return run_gc(*options); };
  });
  CLI::App* doctor = app.add_subcommand("doctor", "Tell what this host's settings cost RGTP");
  doctor->footer("Changes nothing. Ends with 1 where a route or an option is not there at all.");
  doctor->callback([&chosen] { chosen = run_doctor; });
}

}  // namespace rgtp::cli
