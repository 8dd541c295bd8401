#include "cli/progress_bar.h"

#include <array>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/console.h"

namespace rgtp::cli {

std::string human_bytes(double bytes) {
  static constexpr std::array<const char*, 5> units = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < units.size(); ++unit) bytes /= 1000;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

std::string progress_line(std::string_view name, std::uint64_t bytes, std::optional<std::uint64_t> total,
                          double seconds) {
  const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
  const std::string rate_text = rate > 0 ? fmt::format("  {}/s", human_bytes(rate)) : "";
  if (!total) return fmt::format("{}  {}{}", name, human_bytes(static_cast<double>(bytes)), rate_text);
  // Rounded down, both of them: whole means that every byte is there.
  constexpr std::uint64_t width = 24;
  const std::uint64_t filled = bytes * width / *total;
  std::string line = fmt::format("{} [{:=<{}}{: <{}}] {:3} %{}", name, "", filled, "", width - filled,
                                 bytes * 100 / *total, rate_text);
  if (rate > 0) line += fmt::format("  {:.0f} s left", static_cast<double>(*total - bytes) / rate);
  return line;
}

ProgressBar::ProgressBar(std::string name)
    : name_(std::move(name)), on_terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressBar::draw(std::uint64_t bytes, std::optional<std::uint64_t> total) {
  if (!on_terminal_ || total == 0U) return;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  say(fmt::format("\r{}\x1b[K", progress_line(name_, bytes, total, seconds)));
  drawn_ = true;
}

void ProgressBar::clear() {
  if (drawn_) say("\r\x1b[K");
  drawn_ = false;
}

}  // namespace rgtp::cli
