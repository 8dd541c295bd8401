// What a page's charts and tables have in common: the cases in figures, who is compared and how they look.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench/page/chart.h"
#include "cli/bench/report.h"

namespace rgtp::cli::bench {

// In the order in which a page shows them.
inline constexpr std::array shown_states{State::warm, State::cold};

struct Entry {
  const Measured* measured = nullptr;
  Figures figures;

  const Case& of() const { return measured->of; }
};
using Entries = std::vector<const Entry*>;

class Findings {
 public:
  // `report` outlives this.
  explicit Findings(const Report& report);
  Findings(const Findings&) = delete;
  Findings& operator=(const Findings&) = delete;

  Entries all() const;
  // In the order in which they come up.
  const std::vector<const Contender*>& contenders() const { return contenders_; }
  const Look& look_of(const Contender& by) const;

 private:
  std::vector<Entry> entries_;
  std::vector<const Contender*> contenders_;
  std::vector<Look> looks_;  // as contenders_
};

// Those for which `holds`, in their order.
Entries where(const Entries& entries, const std::function<bool(const Case&)>& holds);
Entries with_path(const Entries& entries, const Path& path);
// With as few pullers as there are.
Entries with_least_pullers(const Entries& entries);
Entries with_size(const Entries& entries, std::uint64_t size);

// In the order in which they come up.
std::vector<Path> paths_of(const Entries& entries);
// Those between which nothing is emulated; where there are none, the first one.
std::vector<Path> plain_paths_of(const Entries& entries);
// Each once, ascending.
template <class Value>
std::vector<Value> each_of(const Entries& entries, Value Case::*member) {
  std::vector<Value> values;
  for (const Entry* entry : entries) values.push_back(entry->of().*member);
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}
// The size with the most of what `count` counts among its cases, of several the largest.
std::optional<std::uint64_t> size_with_most(const Entries& entries,
                                            const std::function<std::size_t(const Entries&)>& count);

// "over loopback", "between namespaces (veth)",
// "over 100 Mbit/s with a round trip of 20 ms and 1 % of loss"
std::string path_text(const Path& path);
// The same without the loss.
std::string link_text(const Path& path);

}  // namespace rgtp::cli::bench
