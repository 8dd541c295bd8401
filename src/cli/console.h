// What the command says to people, on stderr.
#pragma once

#include <string_view>

namespace rgtp::cli {

// Writes the text, without any key that may stand in it. Where stderr takes nothing, a full disk or a closed
// descriptor, nothing happens. Any thread.
void say(std::string_view text);

}  // namespace rgtp::cli
