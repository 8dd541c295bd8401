// What is compared: this library's routes, and what people would use instead.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <rgtp/error.h>

#include "cli/bench/library_sides.h"
#include "cli/bench/party.h"

namespace rgtp::cli::bench {

struct Contender {
  std::string_view name;        // "udp", "tcp-cubic"
  std::string_view program{};   // in the directory of peers; empty: this library
  std::string_view argument{};  // of that program; of this library the route
  Into into = Into::view;       // of this library
  // What the time of a transfer includes, in words: of a cold one before anything, and of every one.
  std::string_view opening{};
  std::string_view includes{};
  // What verifies the bytes on their way, as the consumer's digest does at the end; empty: nothing does.
  std::string_view verifies{};
  bool crosses_links = false;
  std::string_view package{};  // of Debian, that its program is built with; empty: none
  bool is_on_request = false;  // compared only where it is named
};

// All there are, this library's first. They live as long as the program.
std::span<const Contender> contenders();
// Null where there is none of this name.
const Contender* find_contender(std::string_view name);

// The sides, as processes in a network namespace (Party::Place); programs of peers are in this directory.
[[nodiscard]] Result<Party> start_exposing(const Contender& contender, const std::string& peers,
                                           const Party::Place& place);
[[nodiscard]] Result<Party> start_pulling(const Contender& contender, const std::string& peers,
                                          const Party::Place& place);

}  // namespace rgtp::cli::bench
