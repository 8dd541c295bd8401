// A file name made from the name in a manifest, which anybody may have written.
#pragma once

#include <string>
#include <string_view>

namespace rgtp::cli {

// The part behind the last slash, without control characters (C0, C1, DEL) and leading dots: it names a
// visible file in the current directory and nothing else. "surface" where nothing is left.
std::string clean_output_name(std::string_view name);

}  // namespace rgtp::cli
