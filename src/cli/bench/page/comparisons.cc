#include "cli/bench/page/comparisons.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

#include "cli/bench/page/matrix.h"
#include "cli/bench/page/text.h"

namespace rgtp::cli::bench {

namespace {

constexpr double bytes_per_mb = 1e6;

std::string section_of(const std::string& title, const std::string& explanation,
                       const std::string& comparisons) {
  if (comparisons.empty()) return "";
  return fmt::format("<section>\n<h2>{}</h2>\n<p class=\"soft\">{}</p>\n{}</section>\n", title, explanation,
                     comparisons);
}

std::string who_and_how(const Case& one) { return fmt::format("{}, {}", one.by->name, to_string(one.state)); }

std::string rates_text(const Spread& rates) {
  if (!(rates.least < rates.most)) return rate_text(rates.median);
  return fmt::format("{} ({} to {})", rate_text(rates.median), rate_text(rates.least), rate_text(rates.most));
}

// Of throughput; what lies across is still to be said.
Matrix throughput() {
  return {.up_title = "MB/s",
          .up = [](const Entry& entry) { return entry.figures.bytes_per_s.median / bytes_per_mb; },
          .tip =
              [](const Entry& entry) {
                const Case& one = entry.of();
                return fmt::format("{}, {}, {}: {}", who_and_how(one),
                                   size_text(static_cast<double>(one.size)), pullers_text(one.pullers),
                                   rates_text(entry.figures.bytes_per_s));
              },
          .cell = [](const Entry& entry) { return spread_cell(entry.figures.bytes_per_s, mb_text); }};
}

struct Percentile {
  const char* name;
  std::optional<double> (*of)(const Figures::Times&);
  Shape shape;
};
// The last one is drawn over the others.
constexpr std::array percentiles{
    Percentile{"max", [](const Figures::Times& times) { return std::optional(times.most); }, Shape::bar},
    Percentile{"p99.9", [](const Figures::Times& times) { return times.p999; }, Shape::frame},
    Percentile{"p99", [](const Figures::Times& times) { return times.p99; }, Shape::tent},
    Percentile{"p90", [](const Figures::Times& times) { return times.p90; }, Shape::rhomb},
    Percentile{"p50", [](const Figures::Times& times) { return std::optional(times.p50); }, Shape::disc}};

std::string time_cell(std::optional<double> seconds) {
  return seconds ? time_text(*seconds) : std::string(no_figure);
}

bool has_times(const Entry* entry) { return is_drawable(entry->figures.last_byte.p50); }

RangeChart::Row range_of(const Findings& findings, const Entry& entry) {
  const std::string name(entry.of().by->name);
  RangeChart::Row row{.name = name, .look = findings.look_of(*entry.of().by)};
  for (const Percentile& one : percentiles)
    if (const auto value = one.of(entry.figures.last_byte))
      row.marks.push_back({.value = *value,
                           .shape = one.shape,
                           .tip = fmt::format("{}: last byte, {}: {}", name, one.name, time_text(*value))});
  const double first = entry.figures.first_byte.p50;
  row.marks.push_back({.value = first,
                       .shape = Shape::wedge,
                       .is_above = true,
                       .tip = fmt::format("{}: first byte, p50: {}", name, time_text(first))});
  return row;
}

// Of what is drawn.
Scale scale_of_times(const Entries& entries) {
  double least = entries.front()->figures.last_byte.p50;
  double most = least;
  for (const Entry* entry : entries) {
    for (const double value :
         {entry->figures.first_byte.p50, entry->figures.last_byte.p50, entry->figures.last_byte.most}) {
      if (!is_drawable(value)) continue;
      least = std::min(least, value);
      most = std::max(most, value);
    }
  }
  return Scale::logarithmic(least, most);
}

// Of those that are left out everywhere there is no word.
bool is_told(const Percentile& percentile, const Entries& entries) {
  return std::ranges::any_of(entries, [&](const Entry* entry) {
    return percentile.of(entry->figures.first_byte) || percentile.of(entry->figures.last_byte);
  });
}

std::string legend_of_percentiles(const Entries& entries) {
  std::string html = "<ul class=\"legend\">\n<li>Time to the last byte:</li>\n";
  for (auto one = percentiles.rbegin(); one != percentiles.rend(); ++one)
    if (is_told(*one, entries)) html += fmt::format("<li>{} {}</li>\n", swatch_of(one->shape), one->name);
  return html + fmt::format("<li>{} p50 of the first byte</li>\n</ul>\n", swatch_of(Shape::wedge));
}

Table table_of_times(const Entries& entries, const std::string& caption) {
  Table table{.caption = caption, .columns = {{"by", Table::Kind::name}}};
  for (const char* which : {"first byte", "last byte"})
    for (auto one = percentiles.rbegin(); one != percentiles.rend(); ++one)
      if (is_told(*one, entries)) table.columns.push_back({fmt::format("{} {}", which, one->name)});
  add_terms(table.columns);
  for (const State state : shown_states) {
    Table::Group group{.title = state_text(state)};
    for (const Entry* entry : entries) {
      if (entry->of().state != state) continue;
      Table::Row row{name_of(*entry->of().by)};
      for (const Figures::Times* times : {&entry->figures.first_byte, &entry->figures.last_byte})
        for (auto one = percentiles.rbegin(); one != percentiles.rend(); ++one)
          if (is_told(*one, entries)) row.push_back(time_cell(one->of(*times)));
      add_terms(row, entry->of());
      group.rows.push_back(std::move(row));
    }
    if (!group.rows.empty()) table.groups.push_back(std::move(group));
  }
  return table;
}

std::string latency_comparison(const Findings& findings, const Path& path) {
  Entries entries = with_least_pullers(with_path(findings.all(), path));
  std::erase_if(entries, [](const Entry* entry) { return !has_times(entry); });
  if (entries.empty()) return "";
  entries = with_size(entries, each_of(entries, &Case::size).front());
  const Case& any = entries.front()->of();
  const std::string what = fmt::format("{}, {} {}", size_text(static_cast<double>(any.size)),
                                       pullers_text(any.pullers), path_text(path));
  std::string charts = legend_of_percentiles(entries) + "<div class=\"panels\">\n";
  for (const State state : shown_states) {
    RangeChart chart{.label = fmt::format("Latency, {}, {}", what, to_string(state)),
                     .title = "time from the call on",
                     .scale = scale_of_times(entries),
                     .text = time_text};
    for (const Entry* entry : entries)
      if (entry->of().state == state) chart.rows.push_back(range_of(findings, *entry));
    if (!chart.rows.empty()) charts += panel_of(state_text(state), svg_of(chart));
  }
  return comparison_html(what, charts + "</div>\n",
                         table_of_times(entries, fmt::format("Latency, {}", what)));
}

double cpu_of(const Figures& figures) {
  return figures.exposer_cpu_s_per_gb.median + figures.pullers_cpu_s_per_gb.median;
}

bool has_cost(const Entry* entry) {
  return is_drawable(cpu_of(entry->figures)) && entry->figures.exposer_cpu_s_per_gb.median >= 0 &&
         entry->figures.pullers_cpu_s_per_gb.median >= 0;
}

std::string cpu_bars(const Findings& findings, const Entries& entries, const std::string& label,
                     double most) {
  BarChart chart{
      .label = label, .title = "CPU seconds per GB", .scale = Scale::linear(most), .text = round_text};
  for (const Entry* entry : entries) {
    const double exposer = entry->figures.exposer_cpu_s_per_gb.median;
    const double pullers = entry->figures.pullers_cpu_s_per_gb.median;
    const std::string name(entry->of().by->name);
    chart.rows.push_back({.name = name,
                          .look = findings.look_of(*entry->of().by),
                          .parts = {exposer, pullers},
                          .text = cpu_text(exposer + pullers),
                          .tip = fmt::format("{}: exposer {}, pullers {} CPU s/GB", name, cpu_text(exposer),
                                             cpu_text(pullers))});
  }
  return svg_of(chart);
}

Table table_of_cpu(const Entries& entries, const std::string& caption) {
  Table table{.caption = caption,
              .columns = {{"by", Table::Kind::name},
                          {"exposer, CPU s/GB"},
                          {"pullers, CPU s/GB"},
                          {"together, CPU s/GB"},
                          {"exposer, peak memory"},
                          {"pullers, peak memory"}}};
  add_terms(table.columns);
  for (const State state : shown_states) {
    Table::Group group{.title = state_text(state)};
    for (const Entry* entry : entries) {
      if (entry->of().state != state) continue;
      const Figures& figures = entry->figures;
      Table::Row row{name_of(*entry->of().by),
                     spread_cell(figures.exposer_cpu_s_per_gb, cpu_text),
                     spread_cell(figures.pullers_cpu_s_per_gb, cpu_text),
                     cpu_text(cpu_of(figures)),
                     size_text(figures.exposer_peak_bytes),
                     size_text(figures.pullers_peak_bytes)};
      add_terms(row, entry->of());
      group.rows.push_back(std::move(row));
    }
    if (!group.rows.empty()) table.groups.push_back(std::move(group));
  }
  return table;
}

std::string cpu_comparison(const Findings& findings, const Path& path) {
  Entries entries = with_least_pullers(with_path(findings.all(), path));
  std::erase_if(entries, [](const Entry* entry) { return !has_cost(entry); });
  if (entries.empty()) return "";
  entries = with_size(entries, each_of(entries, &Case::size).back());
  const Case& any = entries.front()->of();
  const std::string what = fmt::format("{}, {} {}", size_text(static_cast<double>(any.size)),
                                       pullers_text(any.pullers), path_text(path));
  double most = 0;
  for (const Entry* entry : entries) most = std::max(most, cpu_of(entry->figures));
  std::string charts = fmt::format(
      "<ul class=\"legend\">\n<li><svg class=\"swatch\" viewBox=\"0 0 26 16\" width=\"26\" height=\"16\" "
      "aria-hidden=\"true\"><rect class=\"part0\" x=\"1\" y=\"2\" width=\"24\" height=\"12\"/></svg> "
      "exposer</li>\n"
      "<li><svg class=\"swatch\" viewBox=\"0 0 26 16\" width=\"26\" height=\"16\" aria-hidden=\"true\">"
      "<rect class=\"part1\" x=\"1\" y=\"2\" width=\"24\" height=\"12\"/></svg> pullers</li>\n</ul>\n"
      "<div class=\"panels\">\n");
  for (const State state : shown_states) {
    const Entries shown = where(entries, [&](const Case& one) { return one.state == state; });
    if (shown.empty()) continue;
    const std::string label = fmt::format("CPU cost, {}, {}", what, to_string(state));
    charts += panel_of(state_text(state), cpu_bars(findings, shown, label, most));
  }
  return comparison_html(what, charts + "</div>\n", table_of_cpu(entries, fmt::format("CPU cost, {}", what)));
}

std::string loss_comparison(const Findings& findings, const Entries& of_link) {
  const auto losses_of = [](const Entries& entries) {
    std::vector<double> losses;
    for (const Entry* entry : entries) losses.push_back(entry->of().path.loss);
    std::ranges::sort(losses);
    losses.erase(std::unique(losses.begin(), losses.end()), losses.end());
    return losses;
  };
  const Entries entries = with_least_pullers(of_link);
  const auto size =
      size_with_most(entries, [&](const Entries& of_size) { return losses_of(of_size).size(); });
  if (!size) return "";
  const Entries chosen = with_size(entries, *size);
  const auto losses = losses_of(chosen);
  const Path& link = chosen.front()->of().path;
  const double rate = link.rate_bits_per_s / 8;
  Matrix matrix = throughput();
  matrix.what = fmt::format("By loss, {}, {} {}", size_text(static_cast<double>(*size)),
                            pullers_text(chosen.front()->of().pullers), link_text(link));
  matrix.across_title = "loss of packets, each way";
  matrix.across = [](const Case& one) { return one.path.loss; };
  matrix.across_text = [](double loss) { return round_text(loss * 100) + " %"; };
  // By rank: there is no logarithm of none.
  matrix.place = [losses](double loss) {
    return static_cast<double>(std::ranges::lower_bound(losses, loss) - losses.begin());
  };
  if (rate > 0) {
    matrix.up_title = "% of the link's rate";
    matrix.up = [rate](const Entry& entry) { return entry.figures.bytes_per_s.median / rate * 100; };
    matrix.up_is_logarithmic = false;
    matrix.up_most = 100;
    matrix.cell = [rate](const Entry& entry) {
      const double bytes_per_s = entry.figures.bytes_per_s.median;
      return two_lines(figure_text(bytes_per_s / rate * 100) + " %", rate_text(bytes_per_s));
    };
  }
  return comparison_of(findings, chosen, matrix);
}

}  // namespace

std::string throughput_by_size(const Findings& findings) {
  std::string comparisons;
  for (const Path& path : plain_paths_of(findings.all())) {
    const Entries entries = with_least_pullers(with_path(findings.all(), path));
    Matrix matrix = throughput();
    const bool one_size = each_of(entries, &Case::size).size() == 1;
    const Case& any = entries.front()->of();
    matrix.what =
        fmt::format("{} {} {}", one_size ? size_text(static_cast<double>(any.size)) + "," : "By size,",
                    pullers_text(any.pullers), path_text(path));
    matrix.across_title = "size";
    matrix.across = [](const Case& one) { return static_cast<double>(one.size); };
    matrix.across_text = size_text;
    matrix.place = [](double size) { return std::log2(std::max(size, 1.0)); };
    comparisons += comparison_of(findings, entries, matrix);
  }
  return section_of(
      "Throughput by size",
      "Bytes of all pullers by the time until the last one has its last byte; medians of the rounds, "
      "and in the tables from the least to the most under them.",
      comparisons);
}

std::string latency(const Findings& findings) {
  std::string comparisons;
  for (const Path& path : plain_paths_of(findings.all())) comparisons += latency_comparison(findings, path);
  return section_of(
      "Latency of the smallest size",
      "Over all transfers of all rounds. A percentile that the sample is too small for is left out.",
      comparisons);
}

std::string cpu_cost(const Findings& findings) {
  std::string comparisons;
  for (const Path& path : plain_paths_of(findings.all())) comparisons += cpu_comparison(findings, path);
  return section_of(
      "CPU cost of the largest size",
      "Seconds of all threads, in user and kernel mode, for each 10<sup>9</sup> bytes that came to the "
      "pullers. Hashing them is a part of it everywhere.",
      comparisons);
}

std::string throughput_by_pullers(const Findings& findings) {
  const auto count = [](const Entries& entries) { return each_of(entries, &Case::pullers).size(); };
  std::string comparisons;
  for (const Path& path : paths_of(findings.all())) {
    const Entries entries = with_path(findings.all(), path);
    const auto size = size_with_most(entries, count);
    if (!size || count(with_size(entries, *size)) < 2) continue;
    Matrix matrix = throughput();
    matrix.what =
        fmt::format("By pullers, {} each, {}", size_text(static_cast<double>(*size)), path_text(path));
    matrix.across_title = "pullers at a time";
    matrix.across = [](const Case& one) { return static_cast<double>(one.pullers); };
    matrix.across_text = round_text;
    matrix.place = [](double pullers) { return std::log2(std::max(pullers, 1.0)); };
    matrix.up_title = "MB/s, all pullers together";
    comparisons += comparison_of(findings, with_size(entries, *size), matrix);
  }
  return section_of("Throughput by number of pullers",
                    "Each a process; what came to all of them together until the last one had its last byte.",
                    comparisons);
}

std::string goodput_by_loss(const Findings& findings) {
  const Entries emulated =
      where(findings.all(), [](const Case& one) { return one.path.kind == Path::Kind::emulated; });
  std::vector<Path> links;
  for (Path path : paths_of(emulated)) {
    path.loss = 0;
    if (std::ranges::find(links, path) == links.end()) links.push_back(path);
  }
  std::string comparisons;
  for (const Path& link : links) {
    comparisons += loss_comparison(findings, where(emulated, [&](const Case& one) {
                                     return one.path.rate_bits_per_s == link.rate_bits_per_s &&
                                            one.path.delay_s == link.delay_s;
                                   }));
  }
  return section_of("Goodput by loss",
                    "Over emulated links. Bytes of the content count, headers and what is sent twice do not.",
                    comparisons);
}

}  // namespace rgtp::cli::bench
