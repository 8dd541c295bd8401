#include "cli/progress_bar.h"

#include <algorithm>
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

ProgressBar::ProgressBar(std::string name)
    : name_(std::move(name)), on_terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressBar::draw(std::uint64_t bytes, std::uint64_t total) {
  if (!on_terminal_ || total == 0) return;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  const double share = static_cast<double>(bytes) / static_cast<double>(total);
  const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
  constexpr int width = 24;
  const int filled = static_cast<int>(share * width);
  std::string line =
      fmt::format("\r{} [{:=<{}}{: <{}}] {:3.0f} %", name_, "", filled, "", width - filled, share * 100);
  if (rate > 0)
    line +=
        fmt::format("  {}/s  {:.0f} s left", human_bytes(rate), static_cast<double>(total - bytes) / rate);
  say(line + "\x1b[K");
  drawn_ = true;
}

void ProgressBar::clear() {
  if (drawn_) say("\r\x1b[K");
  drawn_ = false;
}

}  // namespace rgtp::cli
