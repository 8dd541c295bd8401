// What bounds an exposer: every list, every wait and every promise of it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <rgtp/types.h>

#include "packet/wire.h"

namespace rgtp::packet {

struct ExposerLimits {
  // What waiting requests may stand for: as much as `waiting_time` takes at the exposer's own rate, within
  // these bounds. Less than 256 KiB, a few trains, would leave the network idle; more than 16 MiB is 2 ms of
  // 8 GB/s, and keeps a wrong measurement from becoming memory.
  std::size_t waiting_answer_bytes = 256 * 1024;
  std::size_t most_waiting_answer_bytes = 16 * 1024 * 1024;
  // Requests that wait are a queue that nobody sees: it is to add no more delay than this.
  Duration waiting_time = std::chrono::milliseconds(2);
  // What has waited for longer when its turn comes is dropped: its puller counts it as lost by then or soon,
  // and asks again. More than twice waiting_time, so that a full list of fair turns is served whole.
  Duration request_age = std::chrono::milliseconds(5);
  // That one /24 (IPv4) or /48 (IPv6) may draw. 10 GB/s is more than one exposer puts out on any path that
  // was measured, loopback included (5.6 GB/s), so that it never surprises pullers on the same host or in a
  // private network. Who serves the internet and wants to be no amplifier of replayed requests sets less. 0:
  // no limit.
  std::uint64_t prefix_bytes_per_second = 10'000'000'000;
  // That all may draw, requests waiting meanwhile in turns. 0: no limit.
  std::uint64_t total_bytes_per_second = 0;
  std::size_t blocked_requests = 256;              // that wait for a disk
  std::size_t waiting_answers = 384;               // MANIFEST, ANNOUNCE and REFUSE
  std::size_t subscriptions = 1000;                // of pullers that wait for chunks
  std::size_t remembered_withdrawals = 4096;       // for which pullers are told why, not `unknown`
  std::uint16_t slice_capacity = max_slice_bytes;  // the longest slice that the exposer's own network carries
};

}  // namespace rgtp::packet
