// What a process has cost its host and its network so far.
#pragma once

#include <cstdint>
#include <optional>

#include <nlohmann/json_fwd.hpp>

namespace rgtp::cli::bench {

struct Cost {
  double cpu_s = 0;  // of all threads, in user and kernel mode
  std::uint64_t page_faults = 0;
  std::uint64_t switches = 0;    // of context, whether it waited or was made to
  std::uint64_t peak_bytes = 0;  // of resident memory, since it began

  // getrusage(2).
  static Cost of_this_process();
  // From then on. The peak stays a peak.
  Cost since(const Cost& before) const {
    return {cpu_s - before.cpu_s, page_faults - before.page_faults, switches - before.switches, peak_bytes};
  }
  // Of several processes together.
  Cost& operator+=(const Cost& other);
};

// What was sent; nothing where the way does not tell.
struct Traffic {
  std::optional<std::uint64_t> datagrams;
  std::optional<std::uint64_t> again;  // pieces that were sent, or asked for, more than once

  Traffic& operator+=(const Traffic& other);
  // What of it is not in `before`.
  Traffic since(const Traffic& before) const;
};

// As the two sides (side.h) and the report tell them.
nlohmann::ordered_json json_of(const Cost& cost);
nlohmann::ordered_json json_of(const Traffic& traffic);
// From what json_of() gave; throws nlohmann::json::exception where it is something else.
Cost cost_in(const nlohmann::ordered_json& object);
Traffic traffic_in(const nlohmann::ordered_json& object);

}  // namespace rgtp::cli::bench
