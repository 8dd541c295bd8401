#include "packet/cookie.h"

#include <algorithm>

#include "core/bytes.h"

namespace rgtp::packet {

Cookie CookieJar::for_epoch(const Address& peer, std::uint64_t epoch) {
  std::array<std::byte, 16 + 2 + 8> message;
  core::ByteWriter writer(message);
  writer.put_bytes(peer.ip);
  writer.put(peer.port);
  writer.put(epoch);
  const auto digest = hmac_.compute(message);
  Cookie cookie;
  std::copy_n(digest.begin(), cookie.size(), cookie.begin());
  return cookie;
}

bool CookieJar::is_valid(const Cookie& cookie, const Address& peer, TimePoint now) {
  const std::uint64_t epoch = epoch_of(now);
  if (core::equal_in_constant_time(cookie, for_epoch(peer, epoch))) return true;
  return epoch > 0 && core::equal_in_constant_time(cookie, for_epoch(peer, epoch - 1));
}

Duration CookieJar::lifetime(TimePoint now) {
  return 2 * epoch_length - now.time_since_epoch() % epoch_length;
}

}  // namespace rgtp::packet
