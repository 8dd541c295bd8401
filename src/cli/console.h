// What the command says to people, on stderr.
#pragma once

#include <string_view>

namespace rgtp::cli {

// Writes the text as it is. Where stderr takes nothing, a full disk or a closed descriptor, nothing happens.
// Any thread.
void say(std::string_view text);

}  // namespace rgtp::cli
