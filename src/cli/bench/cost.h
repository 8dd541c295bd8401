// What a process has cost its host so far.
#pragma once

#include <cstdint>

namespace rgtp::cli::bench {

struct Cost {
  double cpu_s = 0;  // of all threads, in user and kernel mode
  std::uint64_t page_faults = 0;
  std::uint64_t switches = 0;    // of context, whether it waited or was made to
  std::uint64_t peak_bytes = 0;  // of resident memory, since it began

  // getrusage(2).
  static Cost of_this_process();
  // From then on. The peak stays a peak.
  Cost since(const Cost& before) const {
    return {cpu_s - before.cpu_s, page_faults - before.page_faults, switches - before.switches, peak_bytes};
  }
  // Of several processes together.
  Cost& operator+=(const Cost& other);
};

}  // namespace rgtp::cli::bench
