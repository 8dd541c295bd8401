#include "cli/bench/path.h"

#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace rgtp::cli::bench {

namespace {

constexpr double most_delay_s = 10;
constexpr double most_loss = 0.9;
constexpr double most_bits_per_s = 1e12;

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array rates{Unit{"", 1},       Unit{"k", 1e3},    Unit{"M", 1e6},   Unit{"G", 1e9},
                           Unit{"kbit", 1e3}, Unit{"Mbit", 1e6}, Unit{"Gbit", 1e9}};
constexpr std::array delays{Unit{"us", 1e-6}, Unit{"ms", 1e-3}, Unit{"s", 1}};
constexpr std::array shares{Unit{"", 1}, Unit{"%", 0.01}};

// A number and one of the units, at most so much in all.
template <std::size_t n>
std::optional<double> quantity(std::string_view text, const std::array<Unit, n>& units, double most) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view name(end, text.data() + text.size());
  for (const Unit& unit : units)
    if (unit.name == name && number >= 0 && number * unit.factor <= most) return number * unit.factor;
  return std::nullopt;
}

std::optional<double>* member_of(std::array<std::optional<double>, 3>& values, std::string_view name) {
  constexpr std::array names{"rate", "delay", "loss"};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return &values[i];
  return nullptr;
}

}  // namespace

std::string Path::name() const {
  switch (kind) {
    case Kind::loopback: return "loopback";
    case Kind::veth: return "veth";
    case Kind::emulated: break;
  }
  const std::string rate = rate_bits_per_s > 0 ? fmt::format("{:g} Mbit/s, ", rate_bits_per_s / 1e6) : "";
  return fmt::format("{}{:g} ms, {:g} %", rate, 2 * delay_s * 1e3, loss * 100);
}

Result<Path> Path::parse(const std::string& text) {
  if (text == "veth") return Path{.kind = Kind::veth};
  const auto wrong = [&](std::string_view part) {
    return fail(
        Errc::invalid_argument,
        fmt::format("--link {}: '{}' is not understood: veth, or rate=100M,delay=10ms,loss=1%: bits a "
                    "second, time one way (us, ms, s), share of packets each way",
                    text, part));
  };
  std::array<std::optional<double>, 3> values;
  std::string_view rest = text;
  while (true) {
    const std::string_view part = rest.substr(0, rest.find(','));
    const std::size_t equals = part.find('=');
    std::optional<double>* const value = member_of(values, part.substr(0, equals));
    if (equals == std::string_view::npos || value == nullptr || *value) return wrong(part);
    const std::string_view amount = part.substr(equals + 1);
    *value = value == &values[0]   ? quantity(amount, rates, most_bits_per_s)
             : value == &values[1] ? quantity(amount, delays, most_delay_s)
                                   : quantity(amount, shares, most_loss);
    if (!*value) return wrong(part);
    if (part.size() == rest.size()) break;
    rest.remove_prefix(part.size() + 1);
  }
  return Path{.kind = Kind::emulated,
              .rate_bits_per_s = values[0].value_or(0),
              .delay_s = values[1].value_or(0),
              .loss = values[2].value_or(0)};
}

}  // namespace rgtp::cli::bench
