#include "cli/bench/page/page.h"

#include <fmt/format.h>

#include "cli/bench/page/comparisons.h"
#include "cli/bench/page/findings.h"
#include "cli/bench/page/matrix.h"
#include "cli/bench/page/style.h"
#include "cli/bench/page/summary.h"
#include "cli/bench/page/table.h"
#include "cli/bench/page/text.h"

namespace rgtp::cli::bench {

namespace {

constexpr std::string_view title = "Packets, memory and the others";

std::string fact(const char* name, const std::string& html) {
  return html.empty() ? "" : fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
}

std::string facts_of(const Report& report) {
  const Machine& machine = report.machine;
  std::string where = fmt::format("{}, {} processor{}", escaped(machine.processor), machine.processors,
                                  machine.processors == 1 ? "" : "s");
  if (machine.memory_bytes > 0)
    where += fmt::format(", {} of memory", size_text(static_cast<double>(machine.memory_bytes)));
  if (!machine.kernel.empty()) where += ", " + escaped(machine.kernel);
  if (!machine.tcp_controller.empty())
    where += ", TCP by " + escaped(machine.tcp_controller) + " unless said";
  return "<dl class=\"facts\">\n" + fact("Machine", where) +
         fact("Version", report.version.empty() ? "" : "rgtp " + escaped(report.version)) +
         fact("Command",
              report.command.empty() ? "" : fmt::format("<code>{}</code>", escaped(report.command))) +
         fact("Date", escaped(report.made_at)) +
         fact("Checked",
              "Every byte is hashed by its consumer, and the digest has to be the content’s: the same "
              "work for all, and a part of every time and cost.") +
         "</dl>\n";
}

std::string skipped_of(const Report& report) {
  if (report.skipped.empty()) return "";
  std::string html = "<section>\n<h2>What was skipped</h2>\n<ul>\n";
  for (const Skipped& one : report.skipped)
    html += fmt::format("<li><strong>{}</strong>: {}</li>\n", escaped(one.what), escaped(one.why));
  return html + "</ul>\n</section>\n";
}

// The first one that is like it; null where there is none.
const Case* example_of(const Findings& findings, const Contender& by, State state) {
  for (const Entry* entry : findings.all())
    if (entry->of().by == &by && entry->of().state == state) return &entry->of();
  return nullptr;
}

Table::Row terms_of(const Findings& findings, const Contender& by) {
  const Case* const warm = example_of(findings, by, State::warm);
  const Case* const cold = example_of(findings, by, State::cold);
  return {swatch_of(findings.look_of(by)) + " " + name_of(by),
          warm == nullptr ? std::string(no_figure) : escaped(included_in(*warm)),
          cold == nullptr ? std::string(no_figure) : escaped(included_in(*cold)), escaped(verified_by(by)),
          by.package.empty() ? std::string(no_figure) : escaped(by.package)};
}

std::string contenders_of(const Findings& findings) {
  if (findings.contenders().empty()) return "";
  Table table{.caption = "Who is compared, and how each is drawn; this library’s ways have the thick lines",
              .columns = {{"by", Table::Kind::name},
                          {"a warm time includes", Table::Kind::words},
                          {"a cold time includes", Table::Kind::words},
                          {"verified by", Table::Kind::words},
                          {"package", Table::Kind::name}},
              .groups = {{}}};
  for (const Contender* by : findings.contenders())
    table.groups.front().rows.push_back(terms_of(findings, *by));
  return fmt::format(
      "<section class=\"terms\">\n<h2>What is compared</h2>\n"
      "<p class=\"soft\">Not all do the same work for their time. Cold pullers are new processes, which open "
      "what "
      "they pull with within the time that counts; warm ones have pulled before.</p>\n{}</section>\n",
      html_of(table));
}

Table::Row row_of(const Entry& entry) {
  const Case& one = entry.of();
  const Figures& figures = entry.figures;
  const auto percentile = [](const std::optional<double>& seconds) {
    return seconds ? time_text(*seconds) : std::string(no_figure);
  };
  Table::Row row{fmt::format("{}, {}", name_of(*one.by), to_string(one.state)),
                 spread_cell(figures.bytes_per_s, mb_text)};
  for (const Figures::Times* times : {&figures.first_byte, &figures.last_byte})
    for (const auto& seconds :
         {std::optional(times->p50), times->p90, times->p99, times->p999, std::optional(times->most)})
      row.push_back(percentile(seconds));
  row.push_back(spread_cell(figures.exposer_cpu_s_per_gb, cpu_text));
  row.push_back(spread_cell(figures.pullers_cpu_s_per_gb, cpu_text));
  row.push_back(size_text(figures.exposer_peak_bytes));
  row.push_back(size_text(figures.pullers_peak_bytes));
  for (const auto& figure : {std::optional(figures.faults_per_mib), std::optional(figures.switches_per_mib),
                             figures.datagrams_per_mib, figures.again_per_mib})
    row.push_back(figure ? figure_text(*figure) : std::string(no_figure));
  row.push_back(time_text(entry.measured->offered_s));
  row.push_back(fmt::to_string(entry.measured->rounds.size()));
  add_terms(row, one);
  return row;
}

std::string all_cases(const Findings& findings) {
  const Entries all = findings.all();
  if (all.empty()) return "";
  Table table{
      .caption = "All cases: medians of the rounds, least and most under them; times over all transfers",
      .columns = {{"by", Table::Kind::name},
                  {"MB/s"},
                  {"first byte p50"},
                  {"p90"},
                  {"p99"},
                  {"p99.9"},
                  {"max"},
                  {"last byte p50"},
                  {"p90"},
                  {"p99"},
                  {"p99.9"},
                  {"max"},
                  {"exposer, CPU s/GB"},
                  {"pullers, CPU s/GB"},
                  {"exposer, peak memory"},
                  {"pullers, peak memory"},
                  {"faults per MiB"},
                  {"switches per MiB"},
                  {"datagrams per MiB"},
                  {"sent or asked for again, per MiB"},
                  {"time to offer"},
                  {"rounds"}}};
  add_terms(table.columns);
  for (const Path& path : paths_of(all)) {
    const Entries of_path = with_path(all, path);
    for (const std::uint64_t size : each_of(of_path, &Case::size)) {
      const Entries of_size = with_size(of_path, size);
      for (const std::uint32_t pullers : each_of(of_size, &Case::pullers)) {
        Table::Group group{.title = fmt::format("{}, {}, {}", path.name(),
                                                size_text(static_cast<double>(size)), pullers_text(pullers))};
        for (const State state : {State::warm, State::cold})
          for (const Entry* entry : of_size)
            if (entry->of().pullers == pullers && entry->of().state == state)
              group.rows.push_back(row_of(*entry));
        table.groups.push_back(std::move(group));
      }
    }
  }
  return fmt::format(
      "<section class=\"cases\">\n<h2>All cases</h2>\n<details open>\n<summary>The "
      "numbers</summary>\n{}</details>\n"
      "</section>\n",
      html_of(table));
}

}  // namespace

std::string page_of(const Report& report) {
  const Findings findings(report);
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{0} – rgtp "
      "bench</title>\n<style>{1}</style>\n"
      "</head>\n<body>\n<main>\n<h1>{0}</h1>\n",
      title, page_style);
  if (!report.is_whole)
    html +=
        "<p class=\"notice\"><strong>Interrupted.</strong> This is what had been measured until then; not "
        "all "
        "cases are here, nor all rounds of each.</p>\n";
  html += report.measured.empty() ? "<p class=\"summary\">Nothing was measured.</p>\n" : summary_of(findings);
  html += facts_of(report) + skipped_of(report) + contenders_of(findings) + throughput_by_size(findings) +
          latency(findings) + cpu_cost(findings) + throughput_by_pullers(findings) +
          goodput_by_loss(findings) + all_cases(findings);
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace rgtp::cli::bench
