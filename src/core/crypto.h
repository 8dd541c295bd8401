// Cryptography, all of it through OpenSSL's libcrypto: random bytes, SHA-256, HMAC.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

namespace rgtp::core {

// From the operating system's random source. Ends the process where that fails: nothing safe can be done
// then.
void fill_random(std::span<std::byte> out);

std::array<std::byte, 32> sha256(std::span<const std::byte> message);

// HMAC-SHA256 (RFC 2104) under a fixed key. Not thread-safe: one to a thread.
class HmacSha256 {
 public:
  static constexpr std::size_t digest_bytes = 32;

  explicit HmacSha256(std::span<const std::byte> key);
  ~HmacSha256();
  HmacSha256(HmacSha256&&) noexcept;
  HmacSha256& operator=(HmacSha256&&) noexcept;

  std::array<std::byte, digest_bytes> compute(std::span<const std::byte> message);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Equality in a time that does not depend on the contents.
bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b);

}  // namespace rgtp::core
