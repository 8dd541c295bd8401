// A snapshot of what a surface, a pull or an exposer has done: plain numbers, counted from its start.
#pragma once

#include <string>
#include <vector>

#include <rgtp/types.h>

namespace rgtp {

struct Stats {
  std::uint64_t bytes = 0;           // of the surface, available to the user (pull)
  std::uint64_t verified_bytes = 0;  // of them, hashed by this pull
  std::uint64_t chunks = 0;
  std::uint64_t rejected_chunks = 0;  // failed verification and asked for again
  std::uint64_t datagrams_sent = 0;
  std::uint64_t datagrams_received = 0;
  std::uint64_t datagrams_dropped = 0;  // received, and not ours or damaged
  std::uint64_t bytes_sent = 0;         // UDP payload
  std::uint64_t bytes_received = 0;     // UDP payload
  std::uint64_t requests = 0;           // PULL datagrams: sent by a pull, answered by an exposer
  std::uint64_t slices_asked = 0;
  std::uint64_t slices_asked_again = 0;
  std::uint64_t slices_lost = 0;
  std::uint64_t spurious_losses = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t probe_timeouts = 0;
  std::uint64_t refusals = 0;
  std::uint64_t request_overflows = 0;  // slices of requests that an exposer had no room for
  Duration rtt{};                       // the last one measured
  std::uint64_t rate = 0;               // bytes a second, as the congestion controller sees it
  std::uint64_t window_bytes = 0;
  Duration time_to_first_chunk{};  // from pull() on; zero while there is none
  // Of a pull: which transports of the route were not taken and why, "shm: no segment of this surface is
  // here".
  std::vector<std::string> routes_not_taken;
};

}  // namespace rgtp
