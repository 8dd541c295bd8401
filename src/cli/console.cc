#include "cli/console.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace rgtp::cli {

namespace {

// Whatever it came from: an argument that is repeated, a file's name.
std::string without_keys(std::string_view text) {
  constexpr std::string_view base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr std::size_t key_characters = 43;
  std::string shown(text);
  for (std::size_t at = shown.find("k="); at != std::string::npos; at = shown.find("k=", at + 2)) {
    const std::size_t end = std::min(shown.find_first_not_of(base64url, at + 2), shown.size());
    if (end - at - 2 >= key_characters) shown.replace(at + 2, end - at - 2, "...");
  }
  return shown;
}

}  // namespace

void say(std::string_view said) {
  const std::string text = without_keys(said);
  // What cannot be said is no reason to fail at what was asked for.
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace rgtp::cli
