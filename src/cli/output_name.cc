#include "cli/output_name.h"

namespace rgtp::cli {

std::string clean_output_name(std::string_view name) {
  if (const std::size_t slash = name.find_last_of("/\\"); slash != std::string_view::npos)
    name = name.substr(slash + 1);
  std::string clean;
  for (const char c : name)
    if (static_cast<unsigned char>(c) >= ' ' && c != '\x7f') clean += c;
  // Neither hidden nor mistaken for an option.
  clean.erase(0, clean.find_first_not_of(".-"));
  return clean.empty() ? "surface" : clean;
}

}  // namespace rgtp::cli
