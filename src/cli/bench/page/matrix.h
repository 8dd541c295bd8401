// One figure by one quantity, for each contender: a chart for warm cases and one for cold ones, and a table.
#pragma once

#include <functional>
#include <string>

#include "cli/bench/page/findings.h"
#include "cli/bench/page/table.h"

namespace rgtp::cli::bench {

struct Matrix {
  std::string what{};  // is compared, as a heading
  std::string across_title{};
  std::function<double(const Case&)> across{};
  std::function<std::string(double)> across_text{};
  // Where it stands along its axis.
  std::function<double(double)> place{};
  std::string up_title;
  std::function<double(const Entry&)> up;
  bool up_is_logarithmic = true;
  double up_most = 0;  // of a linear one, where it is known
  std::function<std::string(const Entry&)> tip;
  std::function<std::string(const Entry&)> cell;
};

// Lines, or bars where there is one value across; empty where no case has a figure.
std::string comparison_of(const Findings& findings, const Entries& entries, const Matrix& matrix);

// Parts of any comparison.
std::string legend_of(const Findings& findings, const std::vector<const Contender*>& shown);
std::string panel_of(const std::string& caption, const std::string& svg);
// The last two columns of every table of cases, and their cells.
void add_terms(std::vector<Table::Column>& columns);
void add_terms(Table::Row& row, const Case& one);
// `heading` as it is, `charts` and the numbers under them.
std::string comparison_html(const std::string& heading, const std::string& charts, const Table& table);
// "Warm", "Cold"
std::string state_text(State state);
// Which may break where it is long.
std::string name_of(const Contender& one);

}  // namespace rgtp::cli::bench
