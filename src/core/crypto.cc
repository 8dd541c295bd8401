#include "core/crypto.h"

#include <cstdlib>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

namespace rgtp::core {

namespace {

unsigned char* writable_chars(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}
const unsigned char* chars(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// OpenSSL fails in these calls only without memory or without a random source.
void require(bool succeeded) {
  if (!succeeded) std::abort();
}

struct FreeMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

}  // namespace

void fill_random(std::span<std::byte> out) {
  require(RAND_bytes(writable_chars(out), static_cast<int>(out.size())) == 1);
}

std::array<std::byte, 32> sha256(std::span<const std::byte> message) {
  std::array<std::byte, 32> digest{};
  std::size_t length = 0;
  require(EVP_Q_digest(nullptr, "SHA256", nullptr, message.data(), message.size(), writable_chars(digest),
                       &length) == 1 &&
          length == digest.size());
  return digest;
}

struct HmacSha256::Context {
  std::unique_ptr<EVP_MAC_CTX, FreeMac> keyed;
};

HmacSha256::HmacSha256(std::span<const std::byte> key) : context_(std::make_unique<Context>()) {
  const std::unique_ptr<EVP_MAC, FreeMac> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  require(mac != nullptr);
  context_->keyed.reset(EVP_MAC_CTX_new(mac.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  require(context_->keyed != nullptr &&
          EVP_MAC_init(context_->keyed.get(), chars(key), key.size(), params) == 1);
}

HmacSha256::~HmacSha256() = default;
HmacSha256::HmacSha256(HmacSha256&&) noexcept = default;
HmacSha256& HmacSha256::operator=(HmacSha256&&) noexcept = default;

std::array<std::byte, HmacSha256::digest_bytes> HmacSha256::compute(std::span<const std::byte> message) {
  std::array<std::byte, digest_bytes> digest{};
  std::size_t length = 0;
  EVP_MAC_CTX* const mac = context_->keyed.get();
  // Without a key, init starts a new message under the old one.
  require(EVP_MAC_init(mac, nullptr, 0, nullptr) == 1 &&
          EVP_MAC_update(mac, chars(message), message.size()) == 1 &&
          EVP_MAC_final(mac, writable_chars(digest), &length, digest.size()) == 1 && length == digest.size());
  return digest;
}

bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace rgtp::core
