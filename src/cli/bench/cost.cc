#include "cli/bench/cost.h"

#include <nlohmann/json.hpp>
#include <sys/resource.h>

namespace rgtp::cli::bench {

namespace {

using nlohmann::ordered_json;
using Count = std::optional<std::uint64_t>;

Count sum_of(Count one, Count other) {
  return one || other ? Count(one.value_or(0) + other.value_or(0)) : std::nullopt;
}

Count difference_of(Count more, Count less) {
  return more && *more >= less.value_or(0) ? Count(*more - less.value_or(0)) : std::nullopt;
}

ordered_json or_null(Count count) { return count ? ordered_json(*count) : ordered_json(); }

Count count_in(const ordered_json& count) {
  return count.is_null() ? std::nullopt : Count(count.get<std::uint64_t>());
}

}  // namespace

Cost Cost::of_this_process() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return {.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime),
          .page_faults = static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt),
          .switches = static_cast<std::uint64_t>(usage.ru_nvcsw + usage.ru_nivcsw),
          .peak_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024};
}

Cost& Cost::operator+=(const Cost& other) {
  cpu_s += other.cpu_s;
  page_faults += other.page_faults;
  switches += other.switches;
  peak_bytes += other.peak_bytes;
  return *this;
}

Traffic& Traffic::operator+=(const Traffic& other) {
  datagrams = sum_of(datagrams, other.datagrams);
  again = sum_of(again, other.again);
  return *this;
}

Traffic Traffic::since(const Traffic& before) const {
  return {difference_of(datagrams, before.datagrams), difference_of(again, before.again)};
}

ordered_json json_of(const Cost& cost) {
  return {{"cpu_s", cost.cpu_s},
          {"page_faults", cost.page_faults},
          {"switches", cost.switches},
          {"peak_bytes", cost.peak_bytes}};
}

ordered_json json_of(const Traffic& traffic) {
  return {{"datagrams", or_null(traffic.datagrams)}, {"again", or_null(traffic.again)}};
}

Cost cost_in(const ordered_json& object) {
  return {.cpu_s = object.at("cpu_s"),
          .page_faults = object.at("page_faults"),
          .switches = object.at("switches"),
          .peak_bytes = object.at("peak_bytes")};
}

Traffic traffic_in(const ordered_json& object) {
  return {.datagrams = count_in(object.at("datagrams")), .again = count_in(object.at("again"))};
}

}  // namespace rgtp::cli::bench
