#include "cli/bench/page/table.h"

#include <fmt/format.h>

#include "cli/bench/page/text.h"

namespace rgtp::cli::bench {

namespace {

const char* class_of(Table::Kind kind) {
  switch (kind) {
    case Table::Kind::number: return " class=\"number\"";
    case Table::Kind::words: return " class=\"words\"";
    case Table::Kind::name: return "";
  }
  return "";
}

std::string html_of(const Table::Row& row, const std::vector<Table::Column>& columns) {
  std::string html = "<tr>";
  for (std::size_t at = 0; at < row.size(); ++at) {
    const char* kind = at < columns.size() ? class_of(columns[at].kind) : "";
    html += at == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", kind, row[at])
                    : fmt::format("<td{}>{}</td>", kind, row[at]);
  }
  return html + "</tr>\n";
}

}  // namespace

std::string html_of(const Table& table) {
  // Who has no pointer scrolls a box that can have the focus.
  std::string html = fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{0}\">\n<table>\n"
      "<caption><span>{0}</span></caption>\n<thead><tr>",
      escaped(table.caption));
  for (const Table::Column& column : table.columns)
    html += fmt::format("<th scope=\"col\"{}>{}</th>", class_of(column.kind), escaped(column.title));
  html += "</tr></thead>\n";
  for (const Table::Group& group : table.groups) {
    html += "<tbody>\n";
    if (!group.title.empty())
      html +=
          fmt::format("<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{}\"><span>{}</span></th></tr>\n",
                      table.columns.size(), escaped(group.title));
    for (const Table::Row& row : group.rows) html += html_of(row, table.columns);
    html += "</tbody>\n";
  }
  return html + "</table>\n</div>\n";
}

std::string spread_cell(const Spread& spread, const std::function<std::string(double)>& text) {
  if (!(spread.least < spread.most)) return text(spread.median);
  return two_lines(text(spread.median), fmt::format("{}–{}", text(spread.least), text(spread.most)));
}

std::string two_lines(const std::string& first, const std::string& second) {
  return fmt::format("{}<small>{}</small>", first, second);
}

}  // namespace rgtp::cli::bench
