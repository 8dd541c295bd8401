// A report as one picture.
#pragma once

#include <string>

#include "cli/bench/report.h"

namespace rgtp::cli::bench {

// The first chart of the report's page, as an SVG document that needs nothing else; empty where the report
// has nothing for a chart.
std::string picture_of(const Report& report);

}  // namespace rgtp::cli::bench
