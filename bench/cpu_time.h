// What a program under measurement says about itself.
#pragma once

#include <sys/resource.h>
#include <sys/time.h>

namespace rgtp::bench {

// Seconds of processor time of this process, in user and kernel mode.
inline double cpu_seconds() {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace rgtp::bench
