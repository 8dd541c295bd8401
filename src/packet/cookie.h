// Cookies: proof that a puller receives at the address that it sends from, without any state at the exposer.
//
// A cookie is an HMAC over address, port and epoch (60 s). Those of the current and of the last epoch are
// valid, so a replayed one dies by itself.
#pragma once

#include <span>

#include "core/crypto.h"
#include "packet/address.h"
#include "packet/wire.h"

namespace rgtp::packet {

class CookieJar {
 public:
  static constexpr Duration epoch_length = std::chrono::seconds(60);

  // `secret` is random and the exposer's own.
  explicit CookieJar(std::span<const std::byte, 32> secret) : hmac_(secret) {}

  Cookie make(const Address& peer, TimePoint now) { return for_epoch(peer, epoch_of(now)); }
  bool is_valid(const Cookie& cookie, const Address& peer, TimePoint now);
  // For how long a cookie made now stays valid.
  static Duration lifetime(TimePoint now);

 private:
  static std::uint64_t epoch_of(TimePoint now) {
    return static_cast<std::uint64_t>(now.time_since_epoch() / epoch_length);
  }
  Cookie for_epoch(const Address& peer, std::uint64_t epoch);

  core::HmacSha256 hmac_;
};

}  // namespace rgtp::packet
