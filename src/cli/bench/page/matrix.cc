#include "cli/bench/page/matrix.h"

#include <iterator>

#include <fmt/format.h>

#include "cli/bench/page/text.h"

namespace rgtp::cli::bench {

namespace {

class Comparison {
 public:
  Comparison(const Findings& findings, const Entries& entries, const Matrix& matrix)
      : findings_(findings), matrix_(matrix) {
    std::ranges::copy_if(entries, std::back_inserter(entries_),
                         [&](const Entry* entry) { return is_drawable(matrix.up(*entry)); });
    for (const Entry* entry : entries_) values_.push_back(matrix.across(entry->of()));
    std::ranges::sort(values_);
    values_.erase(std::unique(values_.begin(), values_.end()), values_.end());
  }

  std::string html() const {
    if (entries_.empty()) return "";
    std::string charts;
    if (values_.size() > 1) charts += legend_of(findings_, contenders_of(entries_));
    charts += "<div class=\"panels\">\n";
    for (const State state : shown_states) {
      const Entries shown = where(entries_, [&](const Case& one) { return one.state == state; });
      if (shown.empty()) continue;
      const std::string label = fmt::format("{}, {}", matrix_.what, to_string(state));
      charts += panel_of(state_text(state), values_.size() > 1 ? lines(shown, label) : bars(shown, label));
    }
    return comparison_html(matrix_.what, charts + "</div>\n", table());
  }

 private:
  std::vector<const Contender*> contenders_of(const Entries& entries) const {
    std::vector<const Contender*> shown;
    std::ranges::copy_if(findings_.contenders(), std::back_inserter(shown), [&](const Contender* by) {
      return std::ranges::any_of(entries, [&](const Entry* entry) { return entry->of().by == by; });
    });
    return shown;
  }

  // The same for all charts of this comparison, so that they compare with each other.
  Scale scale(bool logarithmic) const {
    double least = matrix_.up(*entries_.front());
    double most = std::max(least, matrix_.up_most);
    for (const Entry* entry : entries_) {
      least = std::min(least, matrix_.up(*entry));
      most = std::max(most, matrix_.up(*entry));
    }
    return logarithmic ? Scale::logarithmic(least, most) : Scale::linear(most);
  }

  std::string lines(const Entries& shown, const std::string& label) const {
    LineChart chart{.label = label,
                    .across_title = matrix_.across_title,
                    .up_title = matrix_.up_title,
                    .up = scale(matrix_.up_is_logarithmic),
                    .up_text = round_text};
    for (const double value : values_)
      chart.across.push_back({matrix_.place(value), matrix_.across_text(value)});
    for (const Contender* by : contenders_of(shown)) {
      LineChart::Series series{.name = std::string(by->name), .look = findings_.look_of(*by)};
      for (const Entry* entry : shown) {
        if (entry->of().by != by) continue;
        const auto at = std::ranges::find(values_, matrix_.across(entry->of())) - values_.begin();
        series.points.push_back({static_cast<std::size_t>(at), matrix_.up(*entry), matrix_.tip(*entry)});
      }
      std::ranges::sort(series.points, {}, &LineChart::Point::tick);
      chart.series.push_back(std::move(series));
    }
    return svg_of(chart);
  }

  std::string bars(const Entries& shown, const std::string& label) const {
    BarChart chart{.label = label, .title = matrix_.up_title, .scale = scale(false), .text = round_text};
    for (const Entry* entry : shown)
      chart.rows.push_back({.name = std::string(entry->of().by->name),
                            .look = findings_.look_of(*entry->of().by),
                            .parts = {matrix_.up(*entry)},
                            .text = figure_text(matrix_.up(*entry)),
                            .tip = matrix_.tip(*entry)});
    return svg_of(chart);
  }

  Table table() const {
    Table table{.caption = fmt::format("{}: {}", matrix_.what, matrix_.up_title),
                .columns = {{"by", Table::Kind::name}}};
    for (const double value : values_) table.columns.push_back({matrix_.across_text(value)});
    add_terms(table.columns);
    for (const State state : shown_states) {
      Table::Group group{.title = state_text(state)};
      for (const Contender* by : contenders_of(entries_)) {
        const Entries cells =
            where(entries_, [&](const Case& one) { return one.by == by && one.state == state; });
        if (cells.empty()) continue;
        Table::Row row{name_of(*by)};
        for (const double value : values_) {
          const auto cell = std::ranges::find_if(
              cells, [&](const Entry* entry) { return matrix_.across(entry->of()) == value; });
          row.push_back(cell == cells.end() ? std::string(no_figure) : matrix_.cell(**cell));
        }
        add_terms(row, cells.front()->of());
        group.rows.push_back(std::move(row));
      }
      if (!group.rows.empty()) table.groups.push_back(std::move(group));
    }
    return table;
  }

  const Findings& findings_;
  const Matrix& matrix_;
  Entries entries_;             // that have a figure
  std::vector<double> values_;  // across
};

}  // namespace

std::string comparison_of(const Findings& findings, const Entries& entries, const Matrix& matrix) {
  return Comparison(findings, entries, matrix).html();
}

std::string legend_of(const Findings& findings, const std::vector<const Contender*>& shown) {
  std::string html = "<ul class=\"legend lines\">\n";
  for (const Contender* by : shown)
    html += fmt::format("<li>{} {}</li>\n", swatch_of(findings.look_of(*by)), name_of(*by));
  return html + "</ul>\n";
}

std::string panel_of(const std::string& caption, const std::string& svg) {
  return fmt::format("<figure>\n<figcaption>{}</figcaption>\n{}</figure>\n", caption, svg);
}

void add_terms(std::vector<Table::Column>& columns) {
  columns.push_back({"its time includes", Table::Kind::words});
  columns.push_back({"verified by", Table::Kind::words});
}

void add_terms(Table::Row& row, const Case& one) {
  row.push_back(escaped(included_in(one)));
  row.push_back(escaped(verified_by(*one.by)));
}

std::string comparison_html(const std::string& heading, const std::string& charts, const Table& table) {
  return fmt::format("<h3>{}</h3>\n{}<details open>\n<summary>The numbers</summary>\n{}</details>\n",
                     escaped(heading), charts, html_of(table));
}

std::string state_text(State state) { return state == State::warm ? "Warm" : "Cold"; }

std::string name_of(const Contender& one) {
  std::string html;
  for (const char c : one.name) html += c == '_' ? "_<wbr>" : escaped({&c, 1});
  return html;
}

}  // namespace rgtp::cli::bench
