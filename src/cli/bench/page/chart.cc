#include "cli/bench/page/chart.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "cli/bench/page/chart_drawing.h"
#include "cli/bench/page/text.h"

namespace rgtp::cli::bench {

namespace {

constexpr double height_wide = 360;
constexpr double height_narrow = 310;

std::string dashes_of(const Look& look) {
  return look.dashes.empty() ? "" : fmt::format(" stroke-dasharray=\"{}\"", escaped(look.dashes));
}

// Moves them apart to `distance`, as little as their order allows, within the bounds where they fit in.
std::vector<double> apart(const std::vector<double>& wanted, double distance, double least, double most) {
  std::vector<std::size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::size_t one) { return wanted[one]; });
  std::vector<double> places(wanted);
  double free_from = least;
  for (const std::size_t one : order) {
    places[one] = std::max(wanted[one], free_from);
    free_from = places[one] + distance;
  }
  double free_to = most;
  for (auto one = order.rbegin(); one != order.rend(); ++one) {
    places[*one] = std::min(places[*one], free_to);
    free_to = places[*one] - distance;
  }
  return places;
}

// Lines, in front of which those in front are drawn.
class LineDrawing {
 public:
  LineDrawing(const LineChart& chart, const Canvas& canvas)
      : chart_(chart), canvas_(canvas), height_(canvas.is_wide ? height_wide : height_narrow) {
    left_ = widest(texts_of(chart.up, chart.up_text), canvas) + gap;
    top_ = canvas.font * 2;
    bottom_ = height_ - canvas.font * 3.2;
    const double margin = width_of(chart.across.back().text, canvas) / 2 + gap / 2;
    right_ = canvas.width -
             (canvas.is_wide ? std::max(margin, widest(names_of(chart.series), canvas) * 1.08 + 32) : margin);
  }

  std::string svg() const {
    std::string svg = begin_svg(canvas_, height_, chart_.label) + grid();
    for (const bool in_front : {false, true})
      for (const LineChart::Series& series : chart_.series)
        if (series.look.is_in_front == in_front) svg += line_of(series);
    if (canvas_.is_wide) svg += names();
    return svg + "</svg>\n";
  }

 private:
  double x_of(std::size_t tick) const {
    const double first = chart_.across.front().place;
    const double range = chart_.across.back().place - first;
    // The first and the last stand a little away from the frame.
    const double share = range > 0 ? (chart_.across[tick].place - first) / range : 0.5;
    return left_ + gap + share * (right_ - left_ - 2 * gap);
  }
  double y_of(double value) const { return bottom_ - chart_.up.share(value) * (bottom_ - top_); }

  std::string grid() const {
    std::string svg;
    for (const double tick : chart_.up.ticks()) {
      svg += line_from(left_, y_of(tick), right_, y_of(tick), "grid");
      svg += text_at(left_ - gap, y_of(tick) + canvas_.font * 0.35, "end", "tick", chart_.up_text(tick));
    }
    std::vector<double> places;
    std::vector<std::string> texts;
    for (std::size_t tick = 0; tick < chart_.across.size(); ++tick) {
      places.push_back(x_of(tick));
      texts.push_back(chart_.across[tick].text);
    }
    const auto shown = with_room(places, texts, canvas_);
    svg += line_from(left_, bottom_, right_, bottom_, "axis");
    for (std::size_t tick = 0; tick < places.size(); ++tick) {
      svg += line_from(places[tick], bottom_, places[tick], bottom_ + 5, "axis");
      if (shown[tick])
        svg += text_at(places[tick], bottom_ + canvas_.font * 1.5, "middle", "tick", texts[tick]);
    }
    svg += text_at(0, canvas_.font, "start", "title", chart_.up_title);
    svg +=
        text_at((left_ + right_) / 2, height_ - canvas_.font * 0.4, "middle", "title", chart_.across_title);
    return svg;
  }

  std::string line_of(const LineChart::Series& series) const {
    std::string path;
    std::string marks;
    for (const LineChart::Point& point : series.points) {
      if (!chart_.up.has(point.value)) continue;
      const double x = x_of(point.tick);
      const double y = y_of(point.value);
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? 'M' : 'L', x, y);
      marks += mark_at(x, y, series.look.is_in_front ? front_mark_radius : mark_radius, series.look.shape,
                       point.tip);
    }
    if (path.empty()) return "";
    return begin_group(series.look) +
           fmt::format("<path class=\"line\"{} d=\"{}\"/>\n", dashes_of(series.look), path) + marks +
           "</g>\n";
  }

  // At the ends of their lines, each led to from there.
  std::string names() const {
    std::vector<const LineChart::Series*> named;
    std::vector<std::pair<double, double>> ends;
    std::vector<double> wanted;
    for (const LineChart::Series& series : chart_.series) {
      for (auto point = series.points.rbegin(); point != series.points.rend(); ++point) {
        if (!chart_.up.has(point->value)) continue;
        named.push_back(&series);
        ends.emplace_back(x_of(point->tick), y_of(point->value));
        wanted.push_back(ends.back().second);
        break;
      }
    }
    const auto places = apart(wanted, canvas_.font * 1.3, top_, bottom_);
    std::string svg;
    for (std::size_t one = 0; one < named.size(); ++one) {
      const auto [x, y] = ends[one];
      svg += begin_group(named[one]->look);
      svg += fmt::format("<path class=\"leader\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}L{:.1f} {:.1f}\"/>\n",
                         x + gap, y, right_, y, right_ + 18, places[one]);
      svg += text_at(right_ + 22, places[one] + canvas_.font * 0.35, "start", "name", named[one]->name);
      svg += "</g>\n";
    }
    return svg;
  }

  const LineChart& chart_;
  const Canvas& canvas_;
  const double height_;
  double left_ = 0;
  double right_ = 0;
  double top_ = 0;
  double bottom_ = 0;
};

std::string begin_swatch(double width) {
  return fmt::format(
      "<svg class=\"swatch\" viewBox=\"0 0 {0} 16\" width=\"{0}\" height=\"16\" aria-hidden=\"true\">",
      width);
}

}  // namespace

std::string svg_of(const LineChart& chart) {
  std::string svg;
  for (const Canvas& canvas : canvases) svg += LineDrawing(chart, canvas).svg();
  return svg;
}

std::string swatch_of(const Look& look) {
  return begin_swatch(40) + begin_group(look) +
         fmt::format("<path class=\"line\"{} d=\"M2 8H38\"/>", dashes_of(look)) +
         mark_at(20, 8, look.is_in_front ? front_mark_radius : mark_radius, look.shape, "") + "</g></svg>";
}

std::string swatch_of(Shape shape) {
  return begin_swatch(16) + mark_at(8, 8, mark_radius, shape, "") + "</svg>";
}

}  // namespace rgtp::cli::bench
