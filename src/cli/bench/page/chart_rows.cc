#include <algorithm>

#include <fmt/format.h>

#include "cli/bench/page/chart.h"
#include "cli/bench/page/chart_drawing.h"
#include "cli/bench/page/text.h"

namespace rgtp::cli::bench {

namespace {

constexpr double row_height = 27;
constexpr double row_height_narrow = 48;  // its name stands above it
constexpr double bar_height = 14;

// What charts of rows have in common: their names, the scale below them.
template <class Chart>
class Rows {
 public:
  Rows(const Chart& chart, const Canvas& canvas, double room_at_end) : chart_(chart), canvas_(canvas) {
    const auto ticks = texts_of(chart.scale, chart.text);
    const double half = width_of(ticks.back(), canvas) / 2;
    left_ = canvas.is_wide ? widest(names_of(chart.rows), canvas) * 1.15 + gap + 4
                           : std::max(gap, width_of(ticks.front(), canvas) / 2);
    right_ = canvas.width - std::max(half, room_at_end) - 2;
    bottom_ = gap + height_of_row() * static_cast<double>(chart.rows.size());
  }

  double x_of(double value) const { return left_ + chart_.scale.share(value) * (right_ - left_); }
  double y_of(std::size_t row) const {
    const double top = gap + height_of_row() * static_cast<double>(row);
    return canvas_.is_wide ? top + row_height / 2 : top + row_height_narrow * 0.72;
  }

  std::string begin() const {
    std::string svg = begin_svg(canvas_, bottom_ + canvas_.font * 3.4, chart_.label);
    const auto texts = texts_of(chart_.scale, chart_.text);
    std::vector<double> places;
    for (const double tick : chart_.scale.ticks()) places.push_back(x_of(tick));
    const auto shown = with_room(places, texts, canvas_);
    for (std::size_t tick = 0; tick < places.size(); ++tick) {
      svg += line_from(places[tick], gap / 2, places[tick], bottom_, "grid");
      if (shown[tick])
        svg += text_at(places[tick], bottom_ + canvas_.font * 1.4, "middle", "tick", texts[tick]);
    }
    svg += line_from(left_, bottom_, right_, bottom_, "axis");
    return svg + text_at((left_ + right_) / 2, bottom_ + canvas_.font * 2.9, "middle", "title", chart_.title);
  }

  std::string begin_row(std::size_t row) const {
    const auto& one = chart_.rows[row];
    return begin_group(one.look) +
           (canvas_.is_wide ? text_at(left_ - gap, y_of(row) + canvas_.font * 0.35, "end", "name", one.name)
                            : text_at(left_, y_of(row) - canvas_.font * 1.45, "start", "name", one.name));
  }

 private:
  double height_of_row() const { return canvas_.is_wide ? row_height : row_height_narrow; }

  const Chart& chart_;
  const Canvas& canvas_;
  double left_ = 0;
  double right_ = 0;
  double bottom_ = 0;
};

std::string drawn(const BarChart& chart, const Canvas& canvas) {
  std::vector<std::string> texts;
  for (const BarChart::Row& row : chart.rows) texts.push_back(row.text);
  const Rows rows(chart, canvas, widest(texts, canvas) + gap);
  std::string svg = rows.begin();
  for (std::size_t at = 0; at < chart.rows.size(); ++at) {
    const BarChart::Row& row = chart.rows[at];
    const double y = rows.y_of(at);
    svg += rows.begin_row(at);
    double end = 0;
    for (std::size_t part = 0; part < row.parts.size(); ++part) {
      if (!chart.scale.has(row.parts[part])) continue;
      svg += fmt::format(
          "<rect class=\"part{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">{}</rect>\n",
          part, rows.x_of(end), y - bar_height / 2, rows.x_of(end + row.parts[part]) - rows.x_of(end),
          bar_height, tip_of(row.tip));
      end += row.parts[part];
    }
    const bool varied = chart.scale.has(row.least) && chart.scale.has(row.most) && row.least < row.most;
    if (varied) svg += line_from(rows.x_of(row.least), y, rows.x_of(row.most), y, "whisker");
    svg += text_at(rows.x_of(varied ? std::max(end, row.most) : end) + gap, y + canvas.font * 0.35, "start",
                   "figure", row.text);
    svg += "</g>\n";
  }
  return svg + "</svg>\n";
}

std::string drawn(const RangeChart& chart, const Canvas& canvas) {
  const Rows rows(chart, canvas, 0);
  std::string svg = rows.begin();
  for (std::size_t at = 0; at < chart.rows.size(); ++at) {
    const RangeChart::Row& row = chart.rows[at];
    const double y = rows.y_of(at);
    std::string marks;
    std::vector<double> reach;
    for (const RangeChart::Mark& one : row.marks) {
      if (!chart.scale.has(one.value)) continue;
      const double x = rows.x_of(one.value);
      if (!one.is_above) reach.push_back(x);
      marks += mark_at(x, one.is_above ? y - 9.5 : y, one.is_above ? 4 : mark_radius, one.shape, one.tip);
    }
    svg += rows.begin_row(at);
    if (!reach.empty()) {
      const auto [least, most] = std::ranges::minmax(reach);
      svg += fmt::format("<path class=\"line\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", least, y, most);
    }
    svg += marks + "</g>\n";
  }
  return svg + "</svg>\n";
}

}  // namespace

std::string svg_of(const BarChart& chart) {
  std::string svg;
  for (const Canvas& canvas : canvases) svg += drawn(chart, canvas);
  return svg;
}

std::string svg_of(const RangeChart& chart) {
  std::string svg;
  for (const Canvas& canvas : canvases) svg += drawn(chart, canvas);
  return svg;
}

}  // namespace rgtp::cli::bench
