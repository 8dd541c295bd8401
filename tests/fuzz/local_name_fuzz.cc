// What a local name's file may hold is two lines, of which either means one thing.
#include <string>
#include <string_view>

#include "fuzz/require.h"
#include "shm/local_name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = rgtp::shm::parse_local_name(text);
  if (!parsed) return 0;
  const auto again =
      rgtp::shm::parse_local_name(parsed->locator.reveal() + "\n" + parsed->owner.to_hex() + "\n");
  REQUIRE(again.has_value());
  REQUIRE(again->locator == parsed->locator && again->owner == parsed->owner);
  return 0;
}
