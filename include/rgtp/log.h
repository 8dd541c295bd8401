// Log lines go to the program's own function; the library writes nothing by itself. No line holds a key or an
// id.
#pragma once

#include <functional>
#include <string_view>

namespace rgtp {

enum class LogLevel { debug, info, warning, error };

// Called on the loop's thread, one call at a time for each handle.
using Log = std::function<void(LogLevel level, std::string_view line)>;

}  // namespace rgtp
