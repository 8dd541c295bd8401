// The two sides of a measured transfer, each in a process of its own (party.h). What they are told and what
// they answer is JSON, a line each; an answer with "error" tells what went wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <rgtp/error.h>

#include "cli/bench/cost.h"
#include "cli/bench/party.h"

namespace rgtp::cli::bench {

// Exposes one surface at a time, by memory and by UDP on 127.0.0.1, the same bytes for both.
//   {"expose": BYTES}  -> {"locator": ..., "digest": ...}
//   {"cost": true}     -> {"cost": ..., "datagrams": ...}: so far, the surface's
Party::Answer begin_exposer();

// Pulls it and reads all of it, in order, as a consumer does; every byte is hashed, and the digest has to be
// the surface's.
//   {"pull": LOCATOR, "route": ..., "digest": ..., "times": N}
//     -> {"transfers": [[first byte, last byte], ...], "cost": ..., "again": ...}: seconds from pull() on
// The first one is cold: from opening its Puller on.
Party::Answer begin_puller();

// Seconds.
struct Transfer {
  double first_byte_s = 0;
  double last_byte_s = 0;
};

struct ExposerAnswer {
  Cost cost;
  std::uint64_t datagrams = 0;
};

struct PullerAnswer {
  std::vector<Transfer> transfers;
  Cost cost;
  std::uint64_t asked_again = 0;  // slices
};

// What the answers say. The error is the party's.
struct Offered {
  std::string locator;
  std::string digest;
};
[[nodiscard]] Result<Offered> parse_offered(const std::string& answer);
[[nodiscard]] Result<ExposerAnswer> parse_exposer_answer(const std::string& answer);
[[nodiscard]] Result<PullerAnswer> parse_puller_answer(const std::string& answer);

}  // namespace rgtp::cli::bench
