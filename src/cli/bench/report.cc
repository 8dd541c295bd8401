#include "cli/bench/report.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/utsname.h>
#include <unistd.h>

namespace rgtp::cli::bench {

namespace {

using nlohmann::ordered_json;
using Line = std::vector<std::string>;

constexpr double bytes_per_mb = 1e6;
constexpr double bytes_per_gb = 1e9;
constexpr double mib = 1024 * 1024;

std::vector<double> of_rounds(const Measured& measured, const std::function<double(const Round&)>& figure) {
  std::vector<double> sample;
  std::ranges::transform(measured.rounds, std::back_inserter(sample), figure);
  return sample;
}

std::vector<double> of_transfers(const Measured& measured, double Transfer::*figure) {
  std::vector<double> sample;
  for (const Round& round : measured.rounds)
    for (const Transfer& transfer : round.transfers) sample.push_back(transfer.*figure);
  return sample;
}

// Of a sample that has something beyond it.
std::optional<double> told_percentile(const std::vector<double>& sample, double share) {
  if (rank_of(sample.size(), share) >= sample.size()) return std::nullopt;
  return percentile(sample, share);
}

Figures::Times times_of(const std::vector<double>& sample) {
  return {.p50 = percentile(sample, 0.5),
          .p90 = told_percentile(sample, 0.9),
          .p99 = told_percentile(sample, 0.99),
          .p999 = told_percentile(sample, 0.999),
          .most = percentile(sample, 1)};
}

std::string text_of(const std::optional<double>& time) { return time ? short_time(*time) : "-"; }

Line begin_line(const Case& one) {
  return {one.path.name(), short_bytes(one.size), fmt::to_string(one.pullers), to_string(one.state),
          std::string(one.by->name)};
}
constexpr std::size_t word_columns = 5;

// The first columns to the left, as they are words and names; figures to the right, but the last one of
// words.
std::string aligned(const std::vector<Line>& lines) {
  std::vector<std::size_t> widths;
  for (const Line& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t column = 0; column < line.size(); ++column)
      widths[column] = std::max(widths[column], line[column].size());
  }
  std::string text;
  for (const Line& line : lines) {
    std::string row;
    for (std::size_t column = 0; column < line.size(); ++column) {
      const bool is_figure = column == 2 || (column >= word_columns && column + 1 < line.size());
      row += is_figure ? fmt::format("{:>{}}  ", line[column], widths[column])
                       : fmt::format("{:<{}}  ", line[column], widths[column]);
    }
    text += row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string speeds_of(const Report& report) {
  std::vector<Line> lines{{"over", "size", "pullers", "", "by", "MB/s", "from-to", "first byte", "last byte",
                           "p90", "p99", "p99.9", "most", "rounds", "includes"}};
  for (const Measured& one : report.measured) {
    const Figures figures = figures_of(one);
    Line line = begin_line(one.of);
    line.push_back(fmt::format("{:.0f}", figures.bytes_per_s.median / bytes_per_mb));
    line.push_back(fmt::format("{:.0f}-{:.0f}", figures.bytes_per_s.least / bytes_per_mb,
                               figures.bytes_per_s.most / bytes_per_mb));
    line.push_back(short_time(figures.first_byte.p50));
    line.push_back(short_time(figures.last_byte.p50));
    line.push_back(text_of(figures.last_byte.p90));
    line.push_back(text_of(figures.last_byte.p99));
    line.push_back(text_of(figures.last_byte.p999));
    line.push_back(short_time(figures.last_byte.most));
    line.push_back(fmt::to_string(one.rounds.size()));
    line.push_back(included_in(one.of));
    lines.push_back(std::move(line));
  }
  return aligned(lines);
}

std::string costs_of(const Report& report) {
  std::vector<Line> lines{{"over", "size", "pullers", "", "by", "CPU s/GB exposer", "pullers", "peak exposer",
                           "pullers", "faults/MiB", "switches/MiB", "datagrams/MiB", "again/MiB",
                           "verified by"}};
  for (const Measured& one : report.measured) {
    const Figures figures = figures_of(one);
    Line line = begin_line(one.of);
    line.push_back(fmt::format("{:.3f}", figures.exposer_cpu_s_per_gb.median));
    line.push_back(fmt::format("{:.3f}", figures.pullers_cpu_s_per_gb.median));
    line.push_back(fmt::format("{:.0f} MiB", figures.exposer_peak_bytes / mib));
    line.push_back(fmt::format("{:.0f} MiB", figures.pullers_peak_bytes / mib));
    line.push_back(fmt::format("{:.1f}", figures.faults_per_mib));
    line.push_back(fmt::format("{:.1f}", figures.switches_per_mib));
    line.push_back(figures.datagrams_per_mib ? fmt::format("{:.1f}", *figures.datagrams_per_mib) : "-");
    line.push_back(figures.again_per_mib ? fmt::format("{:.2f}", *figures.again_per_mib) : "-");
    line.push_back(verified_by(*one.of.by));
    lines.push_back(std::move(line));
  }
  return aligned(lines);
}

std::optional<double> median_per_mib(const Measured& measured, std::optional<std::uint64_t> Traffic::*count) {
  std::vector<double> sample;
  for (const Round& round : measured.rounds)
    if (const auto counted = round.traffic.*count)
      sample.push_back(static_cast<double>(*counted) * mib / std::max(static_cast<double>(round.bytes), 1.0));
  if (sample.empty()) return std::nullopt;
  return spread_of(std::move(sample)).median;
}

ordered_json or_null(const std::optional<double>& number) {
  return number ? ordered_json(*number) : ordered_json();
}

ordered_json json_of(const Spread& spread) {
  return {{"median", spread.median}, {"least", spread.least}, {"most", spread.most}};
}

ordered_json json_of(const Figures::Times& times) {
  return {{"p50", times.p50},
          {"p90", or_null(times.p90)},
          {"p99", or_null(times.p99)},
          {"p99.9", or_null(times.p999)},
          {"most", times.most}};
}

ordered_json json_of(const Figures& figures) {
  return {{"bytes_per_s", json_of(figures.bytes_per_s)},
          {"first_byte_s", json_of(figures.first_byte)},
          {"last_byte_s", json_of(figures.last_byte)},
          {"exposer_cpu_s_per_gb", json_of(figures.exposer_cpu_s_per_gb)},
          {"pullers_cpu_s_per_gb", json_of(figures.pullers_cpu_s_per_gb)},
          {"exposer_peak_bytes", figures.exposer_peak_bytes},
          {"pullers_peak_bytes", figures.pullers_peak_bytes},
          {"faults_per_mib", figures.faults_per_mib},
          {"switches_per_mib", figures.switches_per_mib},
          {"datagrams_per_mib", or_null(figures.datagrams_per_mib)},
          {"again_per_mib", or_null(figures.again_per_mib)}};
}

ordered_json json_of(const Round& round) {
  std::vector<double> first;
  std::vector<double> last;
  for (const Transfer& transfer : round.transfers) {
    first.push_back(transfer.first_byte_s);
    last.push_back(transfer.last_byte_s);
  }
  return {{"bytes", round.bytes},
          {"bytes_per_s", round.bytes_per_s},
          {"first_byte_s", first},
          {"last_byte_s", last},
          {"exposer", json_of(round.exposer)},
          {"pullers", json_of(round.pullers)},
          {"traffic", json_of(round.traffic)}};
}

ordered_json json_of(const Path& path) {
  ordered_json result{{"name", path.name()}};
  if (path.kind == Path::Kind::emulated)
    result.update(
        {{"rate_bits_per_s", path.rate_bits_per_s}, {"delay_s", path.delay_s}, {"loss", path.loss}});
  return result;
}

ordered_json json_of(const Measured& one) {
  ordered_json rounds = ordered_json::array();
  for (const Round& round : one.rounds) rounds.push_back(json_of(round));
  return {{"path", json_of(one.of.path)},
          {"size", one.of.size},
          {"pullers", one.of.pullers},
          {"state", to_string(one.of.state)},
          {"by", one.of.by->name},
          {"includes", included_in(one.of)},
          {"verified_by", verified_by(*one.of.by)},
          {"offered_s", one.offered_s},
          {"figures", json_of(figures_of(one))},
          {"rounds", rounds}};
}

}  // namespace

Machine Machine::here() {
  Machine machine{.processor = "unknown",
                  .processors = std::thread::hardware_concurrency(),
                  .memory_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                                  static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
                  .kernel = "unknown",
                  .tcp_controller = "unknown",
                  .receive_buffer_most = 0,
                  .huge_pages = "unknown"};
  std::ifstream information("/proc/cpuinfo");
  for (std::string line; std::getline(information, line);) {
    if (!line.starts_with("model name")) continue;
    machine.processor = line.substr(std::min(line.size(), line.find(": ") + 2));
    break;
  }
  std::ifstream("/proc/sys/net/ipv4/tcp_congestion_control") >> machine.tcp_controller;
  std::ifstream("/proc/sys/net/core/rmem_max") >> machine.receive_buffer_most;
  std::getline(std::ifstream("/sys/kernel/mm/transparent_hugepage/shmem_enabled"), machine.huge_pages);
  utsname name{};
  if (::uname(&name) == 0) machine.kernel = fmt::format("{} {}", name.sysname, name.release);
  return machine;
}

Figures figures_of(const Measured& measured) {
  const auto over_rounds = [&](const std::function<double(const Round&)>& figure) {
    return spread_of(of_rounds(measured, figure));
  };
  const auto per = [](double unit, auto figure) {
    return [unit, figure](const Round& round) {
      return static_cast<double>(figure(round)) / std::max(static_cast<double>(round.bytes), 1.0) * unit;
    };
  };
  return {
      .bytes_per_s = over_rounds(&Round::bytes_per_s),
      .first_byte = times_of(of_transfers(measured, &Transfer::first_byte_s)),
      .last_byte = times_of(of_transfers(measured, &Transfer::last_byte_s)),
      .exposer_cpu_s_per_gb = over_rounds(per(bytes_per_gb, [](const Round& r) { return r.exposer.cpu_s; })),
      .pullers_cpu_s_per_gb = over_rounds(per(bytes_per_gb, [](const Round& r) { return r.pullers.cpu_s; })),
      .exposer_peak_bytes =
          over_rounds([](const Round& r) { return static_cast<double>(r.exposer.peak_bytes); }).median,
      .pullers_peak_bytes =
          over_rounds([](const Round& r) { return static_cast<double>(r.pullers.peak_bytes); }).median,
      .faults_per_mib =
          over_rounds(per(mib, [](const Round& r) { return r.exposer.page_faults + r.pullers.page_faults; }))
              .median,
      .switches_per_mib =
          over_rounds(per(mib, [](const Round& r) { return r.exposer.switches + r.pullers.switches; }))
              .median,
      .datagrams_per_mib = median_per_mib(measured, &Traffic::datagrams),
      .again_per_mib = median_per_mib(measured, &Traffic::again)};
}

std::string verified_by(const Contender& by) {
  return by.verifies.empty() ? "consumer" : "consumer, " + std::string(by.verifies);
}

std::string short_bytes(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  for (; unit + 1 < units.size() && bytes >= 1024 && bytes % 1024 == 0; ++unit) bytes /= 1024;
  return fmt::format("{} {}", bytes, units[unit]);
}

std::string short_time(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.0f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

const char* to_string(State state) { return state == State::cold ? "cold" : "warm"; }

std::string table_of(const Report& report) {
  std::string text = fmt::format(
      "{}, {} processors, {:.1f} GiB, {}, TCP by {}; rgtp {}\n"
      "Every byte is hashed by its consumer, and the hash has to be that of what was exposed.{}\n\n"
      "How fast: medians of rounds, and of all transfers. Cold pullers are new processes, which open what "
      "they\n"
      "pull with meanwhile; a case that takes long has fewer rounds.\n{}\n"
      "At what cost: medians of rounds. The kernel's work for a datagram counts for whom it interrupts. "
      "Peaks are of\n"
      "resident memory, in which shared pages count for each process, and at the exposer the content "
      "itself. Datagrams\n"
      "are segments of TCP; again are pieces that were sent or asked for more than once.\n{}",
      report.machine.processor, report.machine.processors,
      static_cast<double>(report.machine.memory_bytes) / mib / 1024, report.machine.kernel,
      report.machine.tcp_controller, report.version,
      report.is_whole ? "" : "\nInterrupted: what was finished by then.", speeds_of(report),
      costs_of(report));
  for (const Skipped& skipped : report.skipped)
    text += fmt::format("\nskipped {}: {}", skipped.what, skipped.why);
  return report.skipped.empty() ? text : text + "\n";
}

std::string json_of(const Report& report) {
  ordered_json skipped = ordered_json::array();
  for (const Skipped& one : report.skipped) skipped.push_back({{"what", one.what}, {"why", one.why}});
  ordered_json cases = ordered_json::array();
  for (const Measured& one : report.measured) cases.push_back(json_of(one));
  const ordered_json object{{"schema", "rgtp-bench/1"},
                            {"version", report.version},
                            {"command", report.command},
                            {"made_at", report.made_at},
                            {"is_whole", report.is_whole},
                            {"machine",
                             {{"processor", report.machine.processor},
                              {"processors", report.machine.processors},
                              {"memory_bytes", report.machine.memory_bytes},
                              {"kernel", report.machine.kernel},
                              {"tcp_controller", report.machine.tcp_controller},
                              {"receive_buffer_most", report.machine.receive_buffer_most},
                              {"huge_pages", report.machine.huge_pages}}},
                            {"skipped", skipped},
                            {"cases", cases}};
  return object.dump(2) + "\n";
}

}  // namespace rgtp::cli::bench
