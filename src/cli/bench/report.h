// What was measured, as text for people and as JSON for programs; page/ makes a page of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench/campaign.h"
#include "cli/bench/statistics.h"

namespace rgtp::cli::bench {

// Where it was measured.
struct Machine {
  std::string processor;
  unsigned processors = 0;
  std::uint64_t memory_bytes = 0;
  std::string kernel;
  std::string tcp_controller;             // of those who name none
  std::uint64_t receive_buffer_most = 0;  // net.core.rmem_max, bytes
  std::string huge_pages;                 // of shared memory, as shmem_enabled tells

  static Machine here();
};

struct Report {
  Machine machine;
  std::string version;  // of this library
  std::string command;  // that made it
  std::string made_at;  // UTC, ISO 8601
  std::vector<Measured> measured;
  std::vector<Skipped> skipped;
  bool is_whole = true;  // false where it was interrupted
};

// One case in figures. Rates and costs are over its rounds, times over all transfers of all rounds.
struct Figures {
  Spread bytes_per_s;
  struct Times {  // seconds; a percentile that the sample is too small for is nothing
    double p50 = 0;
    std::optional<double> p90, p99, p999;
    double most = 0;
  };
  Times first_byte;
  Times last_byte;
  Spread exposer_cpu_s_per_gb;  // of 1e9 bytes
  Spread pullers_cpu_s_per_gb;
  double exposer_peak_bytes = 0;  // of resident memory; medians from here on
  double pullers_peak_bytes = 0;  // of all of them together
  double faults_per_mib = 0;      // of both sides
  double switches_per_mib = 0;
  // For each MiB that came (Traffic); nothing where the way does not tell.
  std::optional<double> datagrams_per_mib;
  std::optional<double> again_per_mib;
};
Figures figures_of(const Measured& measured);

// What tells a wrong byte, in words; the consumer's digest does so by every way.
std::string verified_by(const Contender& by);

// "64 KiB", "2.31 ms"
std::string short_bytes(std::uint64_t bytes);
std::string short_time(double seconds);
const char* to_string(State state);

// Two tables: how fast, and at what cost.
std::string table_of(const Report& report);

// One object, "schema": "rgtp-bench/1" (REPORT.md): seconds, bytes and counts, each case's figures and each
// round by itself.
std::string json_of(const Report& report);

}  // namespace rgtp::cli::bench
