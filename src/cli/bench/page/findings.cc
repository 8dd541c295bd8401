#include "cli/bench/page/findings.h"

#include <array>

#include <fmt/format.h>

#include "cli/bench/page/style.h"
#include "cli/bench/page/text.h"

namespace rgtp::cli::bench {

namespace {

constexpr std::array peer_dashes{"", "7 3", "2 3", "9 3 2 3", "12 4"};

Look look_in_front(std::size_t rank) {
  return {.ink = fmt::format("f{}", rank % front_inks),
          .shape = static_cast<Shape>(rank % shapes_of_series),
          .dashes = rank < front_inks ? "" : "9 4",
          .is_in_front = true};
}

// Whose shapes follow on those of the ones in front.
Look look_of_peer(std::size_t rank, std::size_t in_front) {
  return {.ink = fmt::format("p{}", rank % peer_inks),
          .shape = static_cast<Shape>((rank + in_front) % shapes_of_series),
          .dashes = peer_dashes[rank % peer_dashes.size()]};
}

}  // namespace

Findings::Findings(const Report& report) {
  for (const Measured& one : report.measured) {
    entries_.push_back({&one, figures_of(one)});
    if (std::ranges::find(contenders_, one.of.by) == contenders_.end()) contenders_.push_back(one.of.by);
  }
  const auto is_ours = [](const Contender* one) { return one->program.empty(); };
  const auto in_front = static_cast<std::size_t>(std::ranges::count_if(contenders_, is_ours));
  std::size_t ours = 0;
  std::size_t peers = 0;
  for (const Contender* one : contenders_)
    looks_.push_back(is_ours(one) ? look_in_front(ours++) : look_of_peer(peers++, in_front));
}

Entries Findings::all() const {
  Entries all;
  for (const Entry& entry : entries_) all.push_back(&entry);
  return all;
}

const Look& Findings::look_of(const Contender& by) const {
  return looks_[static_cast<std::size_t>(std::ranges::find(contenders_, &by) - contenders_.begin())];
}

Entries where(const Entries& entries, const std::function<bool(const Case&)>& holds) {
  Entries chosen;
  for (const Entry* entry : entries)
    if (holds(entry->of())) chosen.push_back(entry);
  return chosen;
}

Entries with_path(const Entries& entries, const Path& path) {
  return where(entries, [&](const Case& one) { return one.path == path; });
}

Entries with_least_pullers(const Entries& entries) {
  const auto pullers = each_of(entries, &Case::pullers);
  return where(entries, [&](const Case& one) { return one.pullers == pullers.front(); });
}

Entries with_size(const Entries& entries, std::uint64_t size) {
  return where(entries, [&](const Case& one) { return one.size == size; });
}

std::vector<Path> paths_of(const Entries& entries) {
  std::vector<Path> paths;
  for (const Entry* entry : entries)
    if (std::ranges::find(paths, entry->of().path) == paths.end()) paths.push_back(entry->of().path);
  return paths;
}

std::vector<Path> plain_paths_of(const Entries& entries) {
  std::vector<Path> paths = paths_of(entries);
  std::vector<Path> plain;
  std::ranges::copy_if(paths, std::back_inserter(plain),
                       [](const Path& path) { return path.kind != Path::Kind::emulated; });
  if (plain.empty() && !paths.empty()) plain.push_back(paths.front());
  return plain;
}

std::optional<std::uint64_t> size_with_most(const Entries& entries,
                                            const std::function<std::size_t(const Entries&)>& count) {
  std::optional<std::uint64_t> best;
  std::size_t most = 0;
  for (const std::uint64_t size : each_of(entries, &Case::size)) {
    const std::size_t counted = count(with_size(entries, size));
    if (counted < most) continue;
    most = counted;
    best = size;
  }
  return best;
}

std::string path_text(const Path& path) {
  switch (path.kind) {
    case Path::Kind::loopback: return "over loopback";
    case Path::Kind::veth: return "between two network namespaces (veth)";
    case Path::Kind::emulated:
      return fmt::format("{} and {} % of loss", link_text(path), round_text(path.loss * 100));
  }
  return "";
}

std::string link_text(const Path& path) {
  const double mbit_per_s = path.rate_bits_per_s / 1e6;
  std::string rate = "a link of any rate";
  if (mbit_per_s > 0)
    rate = mbit_per_s < 1000 ? round_text(mbit_per_s) + " Mbit/s" : round_text(mbit_per_s / 1000) + " Gbit/s";
  return fmt::format("over {} with a round trip of {}", rate, time_text(2 * path.delay_s));
}

}  // namespace rgtp::cli::bench
