// The comparisons of a page, each with its charts and the numbers under them; empty where the report has none
// of its cases.
#pragma once

#include <string>

#include "cli/bench/page/findings.h"

namespace rgtp::cli::bench {

std::string throughput_by_size(const Findings& findings);
// Of the smallest size.
std::string latency(const Findings& findings);
// Of the largest size.
std::string cpu_cost(const Findings& findings);
std::string throughput_by_pullers(const Findings& findings);
std::string goodput_by_loss(const Findings& findings);

}  // namespace rgtp::cli::bench
