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

#include "cli/bench/statistics.h"

namespace rgtp::cli::bench {

namespace {

using nlohmann::ordered_json;
using Line = std::vector<std::string>;

constexpr double bytes_per_mb = 1e6;
constexpr double bytes_per_gb = 1e9;
// A percentile is told of a sample that has as much beyond it.
constexpr std::array percentiles{0.5, 0.9, 0.99, 0.999};

const char* to_string(State state) { return state == State::cold ? "cold" : "warm"; }

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

// Nothing where the sample is too small to tell.
std::string percentile_text(const std::vector<double>& sample, double share) {
  const bool tells = static_cast<double>(sample.size()) * (1 - share) >= 1 || share == 0.5;
  return tells ? short_time(percentile(sample, share)) : "-";
}

Line begin_line(const Case& one) {
  return {short_bytes(one.size), fmt::to_string(one.pullers), to_string(one.state), one.route};
}

// The first four columns to the left, as they are words and names; figures to the right.
std::string aligned(const std::vector<Line>& lines) {
  std::vector<std::size_t> widths;
  for (const Line& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t column = 0; column < line.size(); ++column)
      widths[column] = std::max(widths[column], line[column].size());
  }
  std::string text;
  for (const Line& line : lines) {
    for (std::size_t column = 0; column < line.size(); ++column) {
      const bool is_figure = column == 1 || column >= 4;
      text += is_figure ? fmt::format("{:>{}}", line[column], widths[column])
                        : fmt::format("{:<{}}", line[column], widths[column]);
      text += column + 1 == line.size() ? "\n" : "  ";
    }
  }
  return text;
}

std::string speeds_of(const std::vector<Measured>& measured) {
  std::vector<Line> lines{{"size", "pullers", "", "by", "MB/s", "from-to", "first byte", "last byte", "p90",
                           "p99", "p99.9", "most", "includes"}};
  for (const Measured& one : measured) {
    const Spread rate = spread_of(of_rounds(one, [](const Round& round) { return round.bytes_per_s; }));
    const auto last = of_transfers(one, &Transfer::last_byte_s);
    Line line = begin_line(one.of);
    line.push_back(fmt::format("{:.0f}", rate.median / bytes_per_mb));
    line.push_back(fmt::format("{:.0f}-{:.0f}", rate.least / bytes_per_mb, rate.most / bytes_per_mb));
    line.push_back(short_time(percentile(of_transfers(one, &Transfer::first_byte_s), 0.5)));
    for (const double share : percentiles) line.push_back(percentile_text(last, share));
    line.push_back(short_time(percentile(last, 1)));
    line.push_back(included_in(one.of));
    lines.push_back(std::move(line));
  }
  return aligned(lines);
}

std::string costs_of(const std::vector<Measured>& measured) {
  std::vector<Line> lines{{"size", "pullers", "", "by", "CPU s/GB exposer", "pullers", "peak", "faults/MiB",
                           "switches/MiB", "datagrams", "asked again"}};
  for (const Measured& one : measured) {
    const auto median = [&](const std::function<double(const Round&)>& figure) {
      return spread_of(of_rounds(one, figure)).median;
    };
    const auto per = [](double unit, auto figure) {
      return [unit, figure](const Round& round) {
        return static_cast<double>(figure(round)) / std::max(static_cast<double>(round.bytes), 1.0) * unit;
      };
    };
    constexpr double mib = 1024 * 1024;
    Line line = begin_line(one.of);
    line.push_back(
        fmt::format("{:.3f}", median(per(bytes_per_gb, [](const Round& r) { return r.exposer.cpu_s; }))));
    line.push_back(
        fmt::format("{:.3f}", median(per(bytes_per_gb, [](const Round& r) { return r.pullers.cpu_s; }))));
    line.push_back(fmt::format("{:.0f} MiB", median([](const Round& r) {
                                 return static_cast<double>(r.pullers.peak_bytes) / mib;
                               })));
    line.push_back(fmt::format("{:.1f}", median(per(mib, [](const Round& r) {
                                 return r.exposer.page_faults + r.pullers.page_faults;
                               }))));
    line.push_back(fmt::format(
        "{:.1f}", median(per(mib, [](const Round& r) { return r.exposer.switches + r.pullers.switches; }))));
    line.push_back(
        fmt::format("{:.0f}", median([](const Round& r) { return static_cast<double>(r.datagrams); })));
    line.push_back(
        fmt::format("{:.0f}", median([](const Round& r) { return static_cast<double>(r.asked_again); })));
    lines.push_back(std::move(line));
  }
  return aligned(lines);
}

ordered_json json_of(const Cost& cost) {
  return {{"cpu_s", cost.cpu_s},
          {"page_faults", cost.page_faults},
          {"switches", cost.switches},
          {"peak_bytes", cost.peak_bytes}};
}

}  // namespace

Machine Machine::here() {
  Machine machine{
      .processor = "unknown", .processors = std::thread::hardware_concurrency(), .kernel = "unknown"};
  std::ifstream information("/proc/cpuinfo");
  for (std::string line; std::getline(information, line);) {
    if (!line.starts_with("model name")) continue;
    machine.processor = line.substr(std::min(line.size(), line.find(": ") + 2));
    break;
  }
  utsname name{};
  if (::uname(&name) == 0) machine.kernel = fmt::format("{} {}", name.sysname, name.release);
  return machine;
}

std::string table_of(const std::vector<Measured>& measured, const Machine& machine) {
  return fmt::format(
      "{}, {} processors, {}; every byte is hashed by its consumer\n\n"
      "How fast: medians of rounds, and of all transfers\n{}\n"
      "At what cost: medians of rounds; the peak is of all pullers together\n{}",
      machine.processor, machine.processors, machine.kernel, speeds_of(measured), costs_of(measured));
}

std::string json_of(const std::vector<Measured>& measured, const Machine& machine) {
  ordered_json cases = ordered_json::array();
  for (const Measured& one : measured) {
    ordered_json rounds = ordered_json::array();
    for (const Round& round : one.rounds) {
      std::vector<double> first;
      std::vector<double> last;
      for (const Transfer& transfer : round.transfers) {
        first.push_back(transfer.first_byte_s);
        last.push_back(transfer.last_byte_s);
      }
      rounds.push_back({{"bytes", round.bytes},
                        {"bytes_per_s", round.bytes_per_s},
                        {"first_byte_s", first},
                        {"last_byte_s", last},
                        {"exposer", json_of(round.exposer)},
                        {"pullers", json_of(round.pullers)},
                        {"datagrams", round.datagrams},
                        {"slices_asked_again", round.asked_again}});
    }
    cases.push_back({{"size", one.of.size},
                     {"pullers", one.of.pullers},
                     {"state", to_string(one.of.state)},
                     {"route", one.of.route},
                     {"includes", included_in(one.of)},
                     {"rounds", rounds}});
  }
  const ordered_json report{
      {"schema", "rgtp-bench/1"},
      {"machine",
       {{"processor", machine.processor}, {"processors", machine.processors}, {"kernel", machine.kernel}}},
      {"cases", cases}};
  return report.dump(2) + "\n";
}

}  // namespace rgtp::cli::bench
