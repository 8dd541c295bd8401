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
  std::uint64_t send_batches = 0;       // datagrams that went to the kernel together
  std::uint64_t receive_batches = 0;
  std::uint64_t socket_drops = 0;    // datagrams for which the socket's receive buffer had no room
  std::uint64_t bytes_sent = 0;      // UDP payload
  std::uint64_t bytes_received = 0;  // UDP payload
  std::uint64_t requests = 0;        // PULL datagrams: sent by a pull, answered by an exposer
  std::uint64_t slices_asked = 0;
  std::uint64_t slices_asked_again = 0;
  std::uint64_t slices_lost = 0;      // on their way to us, as far as we know
  std::uint64_t requests_lost = 0;    // on their way to the exposer, or dropped by it
  std::uint64_t spurious_losses = 0;  // slices that came after all
  std::uint64_t marked = 0;           // slices that came with the mark of congestion (ECN)
  std::uint64_t duplicates = 0;
  std::uint64_t probe_timeouts = 0;
  std::uint64_t refusals = 0;
  std::uint64_t request_overflows = 0;  // slices of requests that an exposer had no room for
  Duration rtt{};                       // the last one measured, without the service delay
  Duration service_delay{};             // that the exposer added to it
  std::uint64_t rate = 0;               // bytes a second, as the congestion controller sees it
  std::uint64_t window_bytes = 0;
  // Of a surface's memory, mapped by huge pages since its exposer had them made
  // (ShmOptions::huge_pages_after; proc_pid_smaps(5), ShmemPmdMapped).
  std::uint64_t huge_page_bytes = 0;
  std::uint32_t mtu = 0;  // the longest IP packet that the path is known to carry
  // From pull() on; zero while there is none: to the first data that was of use, and to the first chunk
  // that was verified and may be used.
  Duration time_to_first_byte{};
  Duration time_to_first_chunk{};
  Duration time_to_last_new_ask{};  // from pull() on: after it only what had been lost was asked for
  // Of a pull: which transports of the route were not taken and why, "shm: no segment of this surface is
  // here".
  std::vector<std::string> routes_not_taken;
};

}  // namespace rgtp
