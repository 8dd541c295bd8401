#include "cli/bench/cost.h"

#include <sys/resource.h>

namespace rgtp::cli::bench {

Cost Cost::of_this_process() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return {.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime),
          .page_faults = static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt),
          .switches = static_cast<std::uint64_t>(usage.ru_nvcsw + usage.ru_nivcsw),
          .peak_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024};
}

Cost& Cost::operator+=(const Cost& other) {
  cpu_s += other.cpu_s;
  page_faults += other.page_faults;
  switches += other.switches;
  peak_bytes += other.peak_bytes;
  return *this;
}

}  // namespace rgtp::cli::bench
