// This library as a way to carry bytes, by memory and by packets.
#pragma once

#include <string>

#include "cli/bench/party.h"

namespace rgtp::cli::bench {

// One surface at a time, offered by memory and by UDP.
Party::Answer library_exposing_side();

// Reads it chunk by chunk, in order, by this route alone.
Party::Answer library_pulling_side(const std::string& route);

}  // namespace rgtp::cli::bench
