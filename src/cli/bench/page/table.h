// Tables of a page, each in a box of its own to scroll in.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/bench/statistics.h"

namespace rgtp::cli::bench {

struct Table {
  enum class Kind { number, words, name };
  struct Column {
    std::string title;
    Kind kind = Kind::number;
  };
  // HTML already, all of it; the first cell is the row's head.
  using Row = std::vector<std::string>;
  struct Group {
    std::string title;  // none where it is empty
    std::vector<Row> rows{};
  };

  std::string caption;
  std::vector<Column> columns;  // titles and captions are escaped here
  std::vector<Group> groups{};
};
std::string html_of(const Table& table);

// The middle, and below it from where to where it went.
std::string spread_cell(const Spread& spread, const std::function<std::string(double)>& text);
// Above each other: the second one is small.
std::string two_lines(const std::string& first, const std::string& second);

}  // namespace rgtp::cli::bench
