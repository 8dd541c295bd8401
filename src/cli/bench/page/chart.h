// Charts as SVG within a page that has their colours and fonts (page_style.h).
//
//     LineChart chart{.label = "Throughput by size", .across = {{12, "4 KiB"}, {16, "64 KiB"}}, ...};
//     page += svg_of(chart);
//
// Each is drawn twice, for wide windows and for narrow ones, as letters that shrink with their chart cannot
// be read on a phone; the style shows one of them. A mark tells its figures where the pointer rests on it.
// Texts are escaped here. Figures that cannot be drawn are left out.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace rgtp::cli::bench {

enum class Shape { disc, square, triangle, diamond, wedge, cross, ring, frame, tent, rhomb, bowl, plus, bar };
inline constexpr std::size_t shapes_of_series = 12;  // bar is for ranges

// How somebody looks in all charts: never by its colour alone.
struct Look {
  std::string ink;  // a class of the style, which sets --ink
  Shape shape = Shape::disc;
  std::string dashes;  // of its line, empty: none
  bool is_in_front = false;
};

// Above 0, and of a magnitude that anything measured can have: others have no place on a chart.
bool is_drawable(double value);

class Scale {
 public:
  // From 0.
  static Scale linear(double most);
  // Both are drawable.
  static Scale logarithmic(double least, double most);

  // Where it stands between the ends, from 0 to 1.
  double share(double value) const;
  const std::vector<double>& ticks() const { return ticks_; }
  bool has(double value) const;

 private:
  bool is_logarithmic_ = false;
  double from_ = 0;
  double to_ = 1;
  std::vector<double> ticks_;
};

using Text = std::function<std::string(double)>;

struct Tick {
  double place = 0;  // on a scale of its own
  std::string text;
};

struct LineChart {
  struct Point {
    std::size_t tick = 0;
    double value = 0;
    std::string tip;
  };
  struct Series {
    std::string name;
    Look look;
    std::vector<Point> points{};  // by ticks
  };

  std::string label;  // for those who do not see it
  std::string across_title;
  std::vector<Tick> across{};  // two at least, ascending
  std::string up_title;
  Scale up;
  Text up_text;
  std::vector<Series> series{};
};
std::string svg_of(const LineChart& chart);

// A row for each: bars from 0 whose parts stand behind one another, with a figure at the end.
struct BarChart {
  struct Row {
    std::string name;
    Look look;
    std::vector<double> parts;
    double least = 0;  // of the whole, where it varied: least < most
    double most = 0;
    std::string text;
    std::string tip;
  };

  std::string label;
  std::string title;  // of the scale
  Scale scale;
  Text text;
  std::vector<Row> rows{};
};
std::string svg_of(const BarChart& chart);

// A row for each: marks on a line.
struct RangeChart {
  struct Mark {
    double value = 0;
    Shape shape = Shape::disc;
    bool is_above = false;  // the line, which does not reach to it
    std::string tip;
  };
  struct Row {
    std::string name;
    Look look;
    std::vector<Mark> marks{};  // a later one lies on an earlier one
  };

  std::string label;
  std::string title;
  Scale scale;
  Text text;
  std::vector<Row> rows{};
};
std::string svg_of(const RangeChart& chart);

// For legends: a piece of its line with its mark, or a mark alone.
std::string swatch_of(const Look& look);
std::string swatch_of(Shape shape);

}  // namespace rgtp::cli::bench
