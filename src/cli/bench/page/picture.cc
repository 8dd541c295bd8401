#include "cli/bench/page/picture.h"

#include <fmt/format.h>

#include "cli/bench/page/page.h"
#include "cli/bench/page/style.h"

namespace rgtp::cli::bench {

std::string picture_of(const Report& report) {
  constexpr std::string_view opening = "<svg class=\"chart wide\"";
  constexpr std::string_view closing = "</svg>";
  const std::string page = page_of(report);
  const std::size_t begin = page.find(opening);
  if (begin == std::string::npos) return "";
  const std::size_t inside = page.find('>', begin) + 1;
  const std::size_t end = page.find(closing, inside) + closing.size();
  // A page hides it where there is no room beside the texts; a picture is shrunk as a whole.
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\"{}<style><![CDATA[{}.chart.wide {{ display: block; "
      "}}]]></style>\n"
      "<rect width=\"100%\" height=\"100%\" style=\"fill: var(--page)\"/>{}\n",
      " " + page.substr(begin + 5, inside - begin - 5), page_style, page.substr(inside, end - inside));
}

}  // namespace rgtp::cli::bench
