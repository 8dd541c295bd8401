#include "cli/bench/page/chart_drawing.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "cli/bench/page/text.h"

namespace rgtp::cli::bench {

namespace {

// Of a letter, by the height of its font; wide fonts of free systems included.
constexpr double letter_width = 0.62;

// The corners of those that have some, about (0, 0) and as far as 1.
const char* outline_of(Shape shape) {
  switch (shape) {
    case Shape::square:
    case Shape::frame: return "M-.85-.85H.85V.85H-.85Z";
    case Shape::triangle:
    case Shape::tent: return "M0-1.1L1.1.85H-1.1Z";
    case Shape::wedge:
    case Shape::bowl: return "M0 1.1L1.1-.85H-1.1Z";
    case Shape::diamond:
    case Shape::rhomb: return "M0-1.25L1.25 0L0 1.25L-1.25 0Z";
    case Shape::cross: return "M-.9-.9L.9.9M-.9.9L.9-.9";
    case Shape::plus: return "M0-1.1V1.1M-1.1 0H1.1";
    case Shape::bar: return "M0-1.3V1.3";
    case Shape::disc:
    case Shape::ring: return "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1-1 0Z";
  }
  return "";
}

const char* kind_of(Shape shape) {
  switch (shape) {
    case Shape::ring:
    case Shape::frame:
    case Shape::tent:
    case Shape::rhomb:
    case Shape::bowl: return "hollow";
    case Shape::cross:
    case Shape::plus:
    case Shape::bar: return "stroke";
    default: return "solid";
  }
}

}  // namespace

double width_of(const std::string& text, const Canvas& canvas) {
  return static_cast<double>(length_of(text)) * letter_width * canvas.font;
}

double widest(const std::vector<std::string>& texts, const Canvas& canvas) {
  double width = 0;
  for (const std::string& text : texts) width = std::max(width, width_of(text, canvas));
  return width;
}

std::string begin_svg(const Canvas& canvas, double height, const std::string& label) {
  return fmt::format(
      "<svg class=\"chart {}\" viewBox=\"0 0 {:.0f} {:.0f}\" font-size=\"{}\" role=\"img\" "
      "aria-label=\"{}\">\n",
      canvas.name, canvas.width, height, canvas.font, escaped(label));
}

std::string text_at(double x, double y, const char* anchor, const char* kind, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>\n", x, y,
                     anchor, kind, escaped(text));
}

std::string line_from(double x1, double y1, double x2, double y2, const char* kind) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", x1, y1,
                     x2, y2, kind);
}

std::string tip_of(const std::string& tip) {
  return tip.empty() ? "" : fmt::format("<title>{}</title>", escaped(tip));
}

std::string mark_at(double x, double y, double radius, Shape shape, const std::string& tip) {
  return fmt::format(
      "<path class=\"{}\" transform=\"translate({:.1f} {:.1f}) scale({})\" d=\"{}\">{}</path>\n",
      kind_of(shape), x, y, radius, outline_of(shape), tip_of(tip));
}

std::string begin_group(const Look& look) {
  return fmt::format("<g class=\"{}{}\">\n", escaped(look.ink), look.is_in_front ? " front" : "");
}

std::vector<bool> with_room(const std::vector<double>& places, const std::vector<std::string>& texts,
                            const Canvas& canvas) {
  std::vector<bool> shown(places.size(), false);
  if (places.empty()) return shown;
  const auto collide = [&](std::size_t a, std::size_t b) {
    const double halves = (width_of(texts[a], canvas) + width_of(texts[b], canvas)) / 2;
    return std::abs(places[a] - places[b]) < halves + gap / 2;
  };
  const std::size_t last = places.size() - 1;
  shown[last] = true;
  std::size_t before = last;
  for (std::size_t at = 0; at < last; ++at) {
    if (collide(at, last) || (before != last && collide(at, before))) continue;
    shown[at] = true;
    before = at;
  }
  return shown;
}

std::vector<std::string> texts_of(const Scale& scale, const Text& text) {
  std::vector<std::string> texts;
  for (const double tick : scale.ticks()) texts.push_back(text(tick));
  return texts;
}

}  // namespace rgtp::cli::bench
