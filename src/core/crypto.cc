#include "core/crypto.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sys/random.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

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

// The algorithms themselves, looked up once: a look-up takes longer than a small chunk. Never freed, since
// what uses them may go as late as anything.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  require(algorithm != nullptr);
  return algorithm;
}
EVP_KDF* hkdf_algorithm() {
  static EVP_KDF* const algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  require(algorithm != nullptr);
  return algorithm;
}
const EVP_CIPHER* cipher_of(CipherSuite suite) {
  static const EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static const EVP_CIPHER* const chacha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  const EVP_CIPHER* const cipher = suite == CipherSuite::aes_256_gcm ? aes : chacha;
  require(cipher != nullptr && suite != CipherSuite::none);
  return cipher;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

struct FreeMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

}  // namespace

void fill_random(std::span<std::byte> out) {
  // Not RAND_bytes(): OpenSSL takes 2 ms to come up, which a process that seals nothing does without.
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    require(got > 0);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

void fill_secret(std::span<std::byte> out) {
  require(RAND_priv_bytes(writable_chars(out), static_cast<int>(out.size())) == 1);
}

Digest sha256(std::span<const std::byte> message) { return Sha256().add(message).finish(); }

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, FreeContext> md{EVP_MD_CTX_new()};

  void begin() const { require(EVP_DigestInit_ex2(md.get(), sha256_algorithm(), nullptr) == 1); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  require(context_->md != nullptr);
  context_->begin();
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::add(std::span<const std::byte> part) {
  require(EVP_DigestUpdate(context_->md.get(), part.data(), part.size()) == 1);
  return *this;
}

Digest Sha256::finish() {
  Digest digest{};
  unsigned length = 0;
  require(EVP_DigestFinal_ex(context_->md.get(), writable_chars(digest), &length) == 1 &&
          length == digest.size());
  context_->begin();
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

Digest HmacSha256::compute(std::span<const std::byte> message) {
  Digest digest{};
  std::size_t length = 0;
  EVP_MAC_CTX* const mac = context_->keyed.get();
  // Without a key, init starts a new message under the old one.
  require(EVP_MAC_init(mac, nullptr, 0, nullptr) == 1 &&
          EVP_MAC_update(mac, chars(message), message.size()) == 1 &&
          EVP_MAC_final(mac, writable_chars(digest), &length, digest.size()) == 1 && length == digest.size());
  return digest;
}

Key derive_key(const Key& key, std::span<const std::byte> salt, std::string_view info) {
  const std::unique_ptr<EVP_KDF_CTX, FreeContext> kdf(EVP_KDF_CTX_new(hkdf_algorithm()));
  require(kdf != nullptr);
  char digest[] = "SHA256";
  const auto octets = [](const char* name, const void* bytes, std::size_t size) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<void*>(bytes), size);
  };
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                               octets(OSSL_KDF_PARAM_KEY, key.bytes().data(), Key::size),
                               octets(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
                               octets(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
                               OSSL_PARAM_construct_end()};
  std::array<std::byte, Key::size> derived{};
  require(EVP_KDF_derive(kdf.get(), writable_chars(derived), derived.size(), params) == 1);
  Key subkey(derived);
  wipe_memory(derived);
  return subkey;
}

struct Aead::Context {
  std::unique_ptr<EVP_CIPHER_CTX, FreeContext> cipher{EVP_CIPHER_CTX_new()};
};

Aead::Aead(CipherSuite suite, const Key& key) : context_(std::make_unique<Context>()) {
  // The direction is set with each nonce.
  require(context_->cipher != nullptr && EVP_EncryptInit_ex2(context_->cipher.get(), cipher_of(suite),
                                                             chars(key.bytes()), nullptr, nullptr) == 1);
}
Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

void Aead::seal(const Nonce& nonce, std::span<const std::byte> associated, std::span<const std::byte> plain,
                std::span<std::byte> out, std::span<std::byte, tag_bytes> tag) {
  EVP_CIPHER_CTX* const cipher = context_->cipher.get();
  int written = 0;
  require(EVP_EncryptInit_ex2(cipher, nullptr, nullptr, chars(nonce), nullptr) == 1 &&
          EVP_EncryptUpdate(cipher, nullptr, &written, chars(associated),
                            static_cast<int>(associated.size())) == 1 &&
          EVP_EncryptUpdate(cipher, writable_chars(out), &written, chars(plain),
                            static_cast<int>(plain.size())) == 1 &&
          EVP_EncryptFinal_ex(cipher, writable_chars(out) + written, &written) == 1 &&
          EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag.data()) == 1);
}

bool Aead::open(const Nonce& nonce, std::span<const std::byte> associated, std::span<const std::byte> sealed,
                std::span<std::byte> out, std::span<const std::byte, tag_bytes> tag) {
  EVP_CIPHER_CTX* const cipher = context_->cipher.get();
  std::array<std::byte, tag_bytes> expected;
  std::copy(tag.begin(), tag.end(), expected.begin());
  int written = 0;
  require(EVP_DecryptInit_ex2(cipher, nullptr, nullptr, chars(nonce), nullptr) == 1 &&
          EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, tag_bytes, expected.data()) == 1 &&
          EVP_DecryptUpdate(cipher, nullptr, &written, chars(associated),
                            static_cast<int>(associated.size())) == 1 &&
          EVP_DecryptUpdate(cipher, writable_chars(out), &written, chars(sealed),
                            static_cast<int>(sealed.size())) == 1);
  return EVP_DecryptFinal_ex(cipher, writable_chars(out) + written, &written) == 1;
}

CipherSuite preferred_suite() {
#if defined(__x86_64__) || defined(__i386__)
  const bool has_aes = __builtin_cpu_supports("aes") != 0 && __builtin_cpu_supports("pclmul") != 0;
#elif defined(__aarch64__)
  const unsigned long has = getauxval(AT_HWCAP);
  const bool has_aes = (has & HWCAP_AES) != 0 && (has & HWCAP_PMULL) != 0;
#else
  const bool has_aes = false;
#endif
  return has_aes ? CipherSuite::aes_256_gcm : CipherSuite::chacha20_poly1305;
}

void wipe_memory(std::span<std::byte> bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace rgtp::core
