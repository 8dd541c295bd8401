// What a page says in its first sentences.
#pragma once

#include <string>

#include "cli/bench/page/findings.h"

namespace rgtp::cli::bench {

// HTML: how fast each of this library's ways is beside the best of the others, and how soon; empty where
// nothing was measured.
std::string summary_of(const Findings& findings);

}  // namespace rgtp::cli::bench
