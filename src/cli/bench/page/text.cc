#include "cli/bench/page/text.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace rgtp::cli::bench {

namespace {

constexpr double last_grouped = 1e15;
// What sums of ticks may miss a whole number by.
constexpr double whole_within = 1e-9;

std::string grouped(double whole) {
  std::string text = fmt::format("{:.0f}", whole);
  const std::size_t first_digit = text.starts_with('-') ? 1 : 0;
  for (std::size_t at = text.size(); at > first_digit + 3;) text.insert(at -= 3, ",");
  return text;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string html;
  html.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': html += "&amp;"; break;
      case '<': html += "&lt;"; break;
      case '>': html += "&gt;"; break;
      case '"': html += "&quot;"; break;
      case '\'': html += "&#39;"; break;
      default: html += c;
    }
  }
  return html;
}

std::string figure_text(double value) {
  if (!std::isfinite(value)) return std::string(no_figure);
  const double magnitude = std::abs(value);
  if (magnitude < 1e-6) return "0";
  if (magnitude >= last_grouped) return fmt::format("{:.2e}", value);
  if (magnitude >= 99.95) return grouped(value);
  if (std::abs(value - std::round(value)) < whole_within) return fmt::format("{:.0f}", value);
  const int digits = std::clamp(2 - static_cast<int>(std::floor(std::log10(magnitude))), 0, 7);
  return fmt::format("{:.{}f}", value, digits);
}

std::string round_text(double value) {
  std::string text = figure_text(value);
  if (text.find('.') == std::string::npos || text.find('e') != std::string::npos) return text;
  text.resize(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string time_text(double seconds) {
  if (!std::isfinite(seconds)) return std::string(no_figure);
  if (seconds < 999.5e-6) return figure_text(seconds * 1e6) + " µs";
  if (seconds < 0.9995) return figure_text(seconds * 1e3) + " ms";
  return figure_text(seconds) + " s";
}

std::string size_text(double bytes) {
  if (!std::isfinite(bytes)) return std::string(no_figure);
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; unit + 1 < units.size() && bytes >= 1024; ++unit) bytes /= 1024;
  return fmt::format("{} {}", round_text(bytes), units[unit]);
}

std::string rate_text(double bytes_per_s) {
  if (!std::isfinite(bytes_per_s)) return std::string(no_figure);
  if (bytes_per_s >= 0.9995e9) return figure_text(bytes_per_s / 1e9) + " GB/s";
  return figure_text(bytes_per_s / 1e6) + " MB/s";
}

std::string mb_text(double bytes_per_s) { return figure_text(bytes_per_s / 1e6); }

std::string cpu_text(double seconds) {
  if (!std::isfinite(seconds)) return std::string(no_figure);
  return std::abs(seconds) < 1 ? fmt::format("{:.3f}", seconds) : figure_text(seconds);
}

std::string pullers_text(std::uint32_t pullers) {
  return pullers == 1 ? "one puller" : fmt::format("{} pullers", pullers);
}

std::size_t length_of(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace rgtp::cli::bench
