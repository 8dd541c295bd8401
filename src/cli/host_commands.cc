// `rgtp ls` and `rgtp gc`: what is in this host's shared memory.
#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include <fmt/format.h>

#include <rgtp/host.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/output_name.h"
#include "cli/progress_bar.h"
#include "cli/routes.h"
#include "cli/streams.h"

namespace rgtp::cli {

namespace {

std::string state_of(const HostSurface::Details& details) {
  switch (details.state) {
    case SurfaceState::growing: return "growing";
    case SurfaceState::finished: return "finished";
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
  const std::string text = table_of(lines);
  StdoutWriter output(signals);
  const auto written = output.write(std::as_bytes(std::span(text)));
  if (written && !*written) return report(written->error());
  return ExitCode::ok;
}

ExitCode run_gc() {
  const auto cleared = clear_host();
  if (!cleared) return report(cleared.error());
  say(fmt::format("removed {} surfaces ({}), {} names and {} lock files of processes that have ended\n",
                  cleared->segments, human_bytes(static_cast<double>(cleared->bytes)), cleared->names,
                  cleared->owners));
  for (const std::string& problem : cleared->problems) say(fmt::format("rgtp: {}\n", problem));
  return cleared->problems.empty() ? ExitCode::ok : ExitCode::failure;
}

}  // namespace

void add_host_commands(CLI::App& app, Run& chosen) {
  CLI::App* ls = app.add_subcommand("ls", "List surfaces in this host's shared memory");
  auto with_ids = std::make_shared<bool>(false);
  ls->add_flag("--ids", *with_ids, "print ids too: whoever sees one can pull");
  ls->callback(
      [&chosen, with_ids] { chosen = [with_ids](Signals& signals) { return run_ls(*with_ids, signals); }; });
  CLI::App* gc = app.add_subcommand("gc", "Remove what dead exposers left in shared memory");
  gc->footer("This user's; for root everybody's. What is alive is never touched.");
  gc->callback([&chosen] { chosen = [](Signals&) { return run_gc(); }; });
}

}  // namespace rgtp::cli
