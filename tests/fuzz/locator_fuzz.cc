// Any text is a locator that survives being printed and parsed again, or malformed_locator.
#include <algorithm>
#include <cstdint>

#include <rgtp/locator.h>

#include "fuzz/require.h"

namespace {

bool is_base64url(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// What stands behind "k=" or "v=" may be a secret, damaged or not: no message repeats it. No message has a
// word of twenty letters either, so that finding one says something.
void require_secrecy(std::string_view text, const rgtp::Error& error) {
  const std::size_t hash = text.find('#');
  if (hash == std::string_view::npos || text.size() - hash < 23) return;
  const std::string_view part = text.substr(hash + 3, 20);
  if (is_base64url(part)) REQUIRE(error.message().find(part) == std::string::npos);
}

void require_round_trip(const rgtp::Locator& locator) {
  const std::string revealed = locator.reveal();
  const auto again = rgtp::Locator::parse(revealed);
  REQUIRE(again.has_value());
  REQUIRE(*again == locator);
  REQUIRE(again->reveal() == revealed);

  const std::string shown = locator.to_string();
  if (!locator.key()) {
    REQUIRE(shown == revealed);
  } else {
    const std::size_t key = revealed.find("#k=");
    REQUIRE(key != std::string::npos);
    REQUIRE(shown.starts_with(revealed.substr(0, key) + "#k=..."));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto locator = rgtp::Locator::parse(text)) {
    require_round_trip(*locator);
  } else {
    REQUIRE(locator.error().code == rgtp::Errc::malformed_locator);
    require_secrecy(text, locator.error());
  }
  if (const auto local = rgtp::Locator::local(text)) require_round_trip(*local);
  if (const auto id = rgtp::SurfaceId::from_hex(text)) REQUIRE(rgtp::SurfaceId::from_hex(id->to_hex()) == id);
  return 0;
}
