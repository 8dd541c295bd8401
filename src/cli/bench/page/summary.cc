#include "cli/bench/page/summary.h"

#include <cctype>
#include <vector>

#include <fmt/format.h>

#include "cli/bench/page/text.h"

namespace rgtp::cli::bench {

namespace {

using Figure = std::function<double(const Entry&)>;

// "a, b and c"
std::string listed(const std::vector<std::string>& all) {
  std::string text;
  for (std::size_t at = 0; at < all.size(); ++at)
    text += (at == 0 ? "" : at + 1 == all.size() ? " and " : ", ") + all[at];
  return text;
}

bool is_ours(const Entry& entry) { return entry.of().by->program.empty(); }

std::string who(const Entry& entry) {
  const std::string name = escaped(entry.of().by->name);
  if (!is_ours(entry)) return name;
  if (name == "shm") return "memory (shm)";
  return name == "udp" ? "packets (udp)" : name;
}

// Warm ones, where there are any, of one state in any case.
Entries of_one_state(const Entries& entries) {
  Entries warm = where(entries, [](const Case& one) { return one.state == State::warm; });
  return warm.empty() ? entries : warm;
}

bool has(const Entry& entry, const Figure& figure) { return is_drawable(figure(entry)); }

// The best of those that are not ours, and of those of them that cross links as packets do.
Entries best_peers(const Entries& entries, const Figure& figure, bool most_is_best) {
  Entries best;
  for (const bool crosses : {false, true}) {
    const Entry* found = nullptr;
    for (const Entry* entry : entries) {
      if (is_ours(*entry) || !has(*entry, figure) || entry->of().by->crosses_links != crosses) continue;
      if (found == nullptr || (figure(*entry) > figure(*found)) == most_is_best) found = entry;
    }
    if (found != nullptr) best.push_back(found);
  }
  return best;
}

// "9.41 GB/s by memory (shm) and 1.1 GB/s by packets (udp); of the others, at best 8.2 GB/s by mmap"
std::string compared(const Entries& entries, const Figure& figure, const Text& text, bool most_is_best) {
  const auto clause = [&](const Entry& entry) {
    return fmt::format("<strong>{}</strong> by {}", text(figure(entry)), who(entry));
  };
  std::vector<std::string> ours;
  std::vector<std::string> peers;
  for (const Entry* entry : entries)
    if (is_ours(*entry) && has(*entry, figure)) ours.push_back(clause(*entry));
  for (const Entry* entry : best_peers(entries, figure, most_is_best)) peers.push_back(clause(*entry));
  if (ours.empty() || peers.empty()) return listed(ours.empty() ? peers : ours);
  return fmt::format("{}; of the others, at best {}", listed(ours), listed(peers));
}

std::string throughput_sentence(const Entries& entries) {
  const Entries chosen = of_one_state(with_size(entries, each_of(entries, &Case::size).back()));
  const std::string rates = compared(
      chosen, [](const Entry& entry) { return entry.figures.bytes_per_s.median; }, rate_text, true);
  if (rates.empty()) return "";
  const Case& any = chosen.front()->of();
  return fmt::format("At {} with {} {}: {}.", size_text(static_cast<double>(any.size)),
                     pullers_text(any.pullers), path_text(any.path), rates);
}

std::string latency_sentence(const Entries& entries) {
  const Entries chosen = of_one_state(with_size(entries, each_of(entries, &Case::size).front()));
  const std::string times = compared(
      chosen, [](const Entry& entry) { return entry.figures.last_byte.p50; }, time_text, false);
  if (times.empty()) return "";
  return fmt::format("The last byte of {} was there after {}.",
                     size_text(static_cast<double>(chosen.front()->of().size)), times);
}

// Where loss is worst.
std::string loss_sentence(const Entries& emulated) {
  if (emulated.empty()) return "";
  const auto worst =
      *std::ranges::max_element(emulated, {}, [](const Entry* entry) { return entry->of().path.loss; });
  const Entries here = with_least_pullers(with_path(emulated, worst->of().path));
  const Entries chosen = of_one_state(with_size(here, each_of(here, &Case::size).back()));
  const std::string rates = compared(
      chosen, [](const Entry& entry) { return entry.figures.bytes_per_s.median; }, rate_text, true);
  if (rates.empty()) return "";
  const std::string path = path_text(worst->of().path);
  return fmt::format("{}{}: {}.", static_cast<char>(std::toupper(static_cast<unsigned char>(path.front()))),
                     path.substr(1), rates);
}

}  // namespace

std::string summary_of(const Findings& findings) {
  const Entries all = findings.all();
  if (all.empty()) return "";
  const Entries plain = with_least_pullers(with_path(all, plain_paths_of(all).front()));
  std::vector<std::string> sentences{throughput_sentence(plain), latency_sentence(plain)};
  if (plain.front()->of().path.kind != Path::Kind::emulated)
    sentences.push_back(
        loss_sentence(where(all, [](const Case& one) { return one.path.kind == Path::Kind::emulated; })));
  std::string html;
  for (const std::string& sentence : sentences)
    if (!sentence.empty()) html += fmt::format("<p class=\"summary\">{}</p>\n", sentence);
  return html;
}

}  // namespace rgtp::cli::bench
