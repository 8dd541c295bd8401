// Words and figures of a page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rgtp::cli::bench {

// What has no figure: not finite, or not measured.
inline constexpr std::string_view no_figure = "–";

// As HTML, within an element as well as within a quoted attribute.
std::string escaped(std::string_view text);

// To three digits, whole ones by thousands: "0.0120", "94.2", "9,412".
std::string figure_text(double value);
// The same for what was chosen and not measured: "0.012".
std::string round_text(double value);
// "12.3 µs"
std::string time_text(double seconds);
// "64 KiB", "2.44 MiB"
std::string size_text(double bytes);
// "812 MB/s", "9.41 GB/s"
std::string rate_text(double bytes_per_s);
// "812" of 812e6
std::string mb_text(double bytes_per_s);
// "0.123" s of CPU for a GB: what is below a thousandth does not matter.
std::string cpu_text(double seconds);
// "one puller", "16 pullers"
std::string pullers_text(std::uint32_t pullers);

// Characters, not bytes.
std::size_t length_of(std::string_view utf8);

}  // namespace rgtp::cli::bench
