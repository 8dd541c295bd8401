// This library as a way to carry bytes, by memory and by packets.
#pragma once

#include <string>

#include "cli/bench/party.h"

namespace rgtp::cli::bench {

// One surface at a time, offered by memory and by UDP.
Party::Answer library_exposing_side();

// What a pull makes of the surface: chunks that are read as they come, in order, or a new file on a tmpfs
// that is read once it is complete.
enum class Into { view, file };

// By this route alone.
Party::Answer library_pulling_side(const std::string& route, Into into = Into::view);

}  // namespace rgtp::cli::bench
