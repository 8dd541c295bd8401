// A report as a page for people.
#pragma once

#include <string>

#include "cli/bench/report.h"

namespace rgtp::cli::bench {

// One HTML document that needs nothing else: no network, no script. Charts of what the report has cases for,
// the numbers of each under it, and all figures of all cases at the end.
std::string page_of(const Report& report);

}  // namespace rgtp::cli::bench
