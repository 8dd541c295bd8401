#include <rgtp/types.h>

#include "core/crypto.h"

namespace rgtp {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string SurfaceId::to_hex() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

Result<SurfaceId> SurfaceId::from_hex(std::string_view text) {
  SurfaceId id;
  if (text.size() != 2 * id.bytes.size())
    return fail(Errc::malformed_locator, "a surface id has 32 hex digits, this one has " +
                                             std::to_string(text.size()) + " characters");
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return fail(Errc::malformed_locator,
                  "a surface id has 32 hex digits, this one has something else in it");
    id.bytes[i] = static_cast<std::byte>(high << 4 | low);
  }
  return id;
}

SurfaceId SurfaceId::random() {
  SurfaceId id;
  core::fill_random(id.bytes);
  return id;
}

}  // namespace rgtp
