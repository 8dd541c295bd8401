// Every field of Stats as JSON; durations in seconds.
#pragma once

#include <chrono>

#include <nlohmann/json.hpp>

#include <rgtp/stats.h>

namespace rgtp::bench {

inline nlohmann::ordered_json stats_json(const Stats& s) {
  const auto seconds = [](Duration duration) { return std::chrono::duration<double>(duration).count(); };
  return {
      {"bytes", s.bytes},
      {"verified_bytes", s.verified_bytes},
      {"chunks", s.chunks},
      {"rejected_chunks", s.rejected_chunks},
      {"datagrams_sent", s.datagrams_sent},
      {"datagrams_received", s.datagrams_received},
      {"datagrams_dropped", s.datagrams_dropped},
      {"send_batches", s.send_batches},
      {"receive_batches", s.receive_batches},
      {"socket_drops", s.socket_drops},
      {"bytes_sent", s.bytes_sent},
      {"bytes_received", s.bytes_received},
      {"requests", s.requests},
      {"slices_asked", s.slices_asked},
      {"slices_asked_again", s.slices_asked_again},
      {"slices_lost", s.slices_lost},
      {"requests_lost", s.requests_lost},
      {"spurious_losses", s.spurious_losses},
      {"marked", s.marked},
      {"duplicates", s.duplicates},
      {"probe_timeouts", s.probe_timeouts},
      {"refusals", s.refusals},
      {"request_overflows", s.request_overflows},
      {"rtt", seconds(s.rtt)},
      {"service_delay", seconds(s.service_delay)},
      {"rate", s.rate},
      {"window_bytes", s.window_bytes},
      {"mtu", s.mtu},
      {"time_to_first_byte", seconds(s.time_to_first_byte)},
      {"time_to_first_chunk", seconds(s.time_to_first_chunk)},
      {"time_to_last_new_ask", seconds(s.time_to_last_new_ask)},
      {"routes_not_taken", s.routes_not_taken},
  };
}

}  // namespace rgtp::bench
