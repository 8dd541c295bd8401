// What the charts (chart.h) are drawn with.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "cli/bench/page/chart.h"

namespace rgtp::cli::bench {

struct Canvas {
  const char* name = "";  // class of the style
  double width = 0;
  double font = 0;
  bool is_wide = false;
};
inline constexpr std::array canvases{Canvas{"wide", 560, 13, true}, Canvas{"narrow", 340, 12.5, false}};

inline constexpr double gap = 8;
inline constexpr double mark_radius = 4.5;
inline constexpr double front_mark_radius = 5.5;

// About as wide as it gets in any font.
double width_of(const std::string& text, const Canvas& canvas);
double widest(const std::vector<std::string>& texts, const Canvas& canvas);

std::string begin_svg(const Canvas& canvas, double height, const std::string& label);
std::string begin_group(const Look& look);
// `kind` is a class of the style.
std::string text_at(double x, double y, const char* anchor, const char* kind, const std::string& text);
std::string line_from(double x1, double y1, double x2, double y2, const char* kind);
std::string mark_at(double x, double y, double radius, Shape shape, const std::string& tip);
std::string tip_of(const std::string& tip);

// Of labels along a line those that have room; both ends have it first.
std::vector<bool> with_room(const std::vector<double>& places, const std::vector<std::string>& texts,
                            const Canvas& canvas);

std::vector<std::string> texts_of(const Scale& scale, const Text& text);

template <class Named>
std::vector<std::string> names_of(const std::vector<Named>& all) {
  std::vector<std::string> names;
  for (const Named& one : all) names.push_back(one.name);
  return names;
}

}  // namespace rgtp::cli::bench
