#include "cli/console.h"

#include <cstdio>

namespace rgtp::cli {

void say(std::string_view text) {
  // What cannot be said is no reason to fail at what was asked for.
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace rgtp::cli
