// Cryptography: random bytes of the operating system's, and SHA-256, HMAC, HKDF and AEAD through OpenSSL's
// libcrypto.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <rgtp/key.h>
#include <rgtp/manifest.h>

namespace rgtp::core {

// From the operating system's random source. Ends the process where that fails: nothing safe can be done
// then.
void fill_random(std::span<std::byte> out);
// The same for what nobody may see, not even who traces system calls: from OpenSSL's generator for secrets.
void fill_secret(std::span<std::byte> out);

using Digest = std::array<std::byte, 32>;

Digest sha256(std::span<const std::byte> message);

// The same of a message in parts, one after the other. Not thread-safe: one to a thread.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& add(std::span<const std::byte> part);
  // Of what was added; the next message begins behind it.
  Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// HMAC-SHA256 (RFC 2104) under a fixed key. Not thread-safe: one to a thread.
class HmacSha256 {
 public:
  static constexpr std::size_t digest_bytes = 32;

  explicit HmacSha256(std::span<const std::byte> key);
  ~HmacSha256();
  HmacSha256(HmacSha256&&) noexcept;
  HmacSha256& operator=(HmacSha256&&) noexcept;

  Digest compute(std::span<const std::byte> message);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// HKDF-SHA256 (RFC 5869): a key of its own for the use that `info` names.
Key derive_key(const Key& key, std::span<const std::byte> salt, std::string_view info);

// Authenticated encryption with associated data (RFC 5116) under one key: AES-256-GCM (NIST SP 800-38D) or
// ChaCha20-Poly1305 (RFC 8439). Not thread-safe: one to a thread. Where OpenSSL keeps the key meanwhile is
// its own memory, which it wipes at the end.
class Aead {
 public:
  static constexpr std::size_t nonce_bytes = 12;
  static constexpr std::size_t tag_bytes = Manifest::tag_bytes;
  using Nonce = std::array<std::byte, nonce_bytes>;

  // The suite is not `none`.
  Aead(CipherSuite suite, const Key& key);
  ~Aead();
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;

  // A nonce may be used once under a key, for ever: whoever has two messages under one learns both. `out` is
  // as long as `plain`, and may be the same memory.
  void seal(const Nonce& nonce, std::span<const std::byte> associated, std::span<const std::byte> plain,
            std::span<std::byte> out, std::span<std::byte, tag_bytes> tag);
  // False where it was not sealed like that under this key; what is in `out`, which is as long as `sealed`
  // and may be the same memory, is worthless then. Nobody may change `sealed` meanwhile.
  [[nodiscard]] bool open(const Nonce& nonce, std::span<const std::byte> associated,
                          std::span<const std::byte> sealed, std::span<std::byte> out,
                          std::span<const std::byte, tag_bytes> tag);
  [[nodiscard]] bool open(const Nonce& nonce, std::span<const std::byte> associated,
                          std::span<std::byte> bytes, std::span<const std::byte, tag_bytes> tag) {
    return open(nonce, associated, bytes, bytes, tag);
  }

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The one that is fast here: AES where the processor has instructions for it.
CipherSuite preferred_suite();

void wipe_memory(std::span<std::byte> bytes);

// Equality in a time that does not depend on the contents.
bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b);

}  // namespace rgtp::core
