#include "cli/output_name.h"

namespace rgtp::cli {

std::string clean_output_name(std::string_view name) {
  if (const std::size_t slash = name.find_last_of("/\\"); slash != std::string_view::npos)
    name = name.substr(slash + 1);
  std::string clean;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 0x7f) continue;
    // U+0080 to U+009F, which terminals obey too: taken back, because what was dropped may have stood
    // between.
    if (byte >= 0x80 && byte <= 0x9f && clean.ends_with('\xc2'))
      clean.pop_back();
    else
      clean += c;
  }
  // Neither hidden nor mistaken for an option.
  clean.erase(0, clean.find_first_not_of(".-"));
  return clean.empty() ? "surface" : clean;
}

}  // namespace rgtp::cli
