#include "core/crypto.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/digest.h"
#include "support/bytes.h"
#include "support/pattern.h"

namespace rgtp::core {
namespace {

using test::bytes_of;
using test::hex;

struct Vector {
  std::vector<std::byte> key;
  std::vector<std::byte> message;
  std::string digest;
};

// What a published vector says in hex digits.
std::vector<std::byte> unhex(std::string_view text) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(digit(text[i]) << 4 | digit(text[i + 1])));
  return bytes;
}

Key key_of(std::span<const std::byte> bytes) { return Key(bytes.first<Key::size>()); }

// FIPS 180-4's own examples (NIST, "Examples with Intermediate Values").
TEST(Sha256, AgreesWithFips180) {
  EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256(bytes_of("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, OfPartsIsThatOfTheWholeWhereverItIsCut) {
  const auto message = test::pattern(200);
  const Digest whole_digest = sha256(message);
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    Sha256 hash;
    hash.add(std::span(message).first(cut)).add({}).add(std::span(message).subspan(cut));
    ASSERT_EQ(hash.finish(), whole_digest) << cut;
  }
}

TEST(Sha256, BeginsAnewBehindEachMessage) {
  Sha256 hash;
  for (std::size_t length = 0; length < 70; ++length) {
    const auto message = test::pattern(length, 3);
    ASSERT_EQ(hash.add(message).finish(), sha256(message)) << length;
  }
  EXPECT_EQ(hash.finish(), sha256({}));
}

TEST(Sha256, TakesItsMessageAlongWhenItMoves) {
  Sha256 first;
  first.add(bytes_of("a"));
  Sha256 second(std::move(first));
  second.add(bytes_of("b"));
  Sha256 third;
  third = std::move(second);
  EXPECT_EQ(third.add(bytes_of("c")).finish(), sha256(bytes_of("abc")));
}

std::vector<std::byte> repeated(unsigned char byte, std::size_t count) { return {count, std::byte{byte}}; }

// RFC 4231, section 4. Case 5 is there to truncate; its beginning is what the RFC gives.
std::vector<Vector> rfc_4231() {
  std::vector<std::byte> counting;
  for (unsigned i = 1; i <= 25; ++i) counting.push_back(static_cast<std::byte>(i));
  return {
      {repeated(0x0b, 20), bytes_of("Hi There"),
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {bytes_of("Jefe"), bytes_of("what do ya want for nothing?"),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {repeated(0xaa, 20), repeated(0xdd, 50),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {counting, repeated(0xcd, 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {repeated(0x0c, 20), bytes_of("Test With Truncation"), "a3b6167473100ee06e0c796c2955552b"},
      {repeated(0xaa, 131), bytes_of("Test Using Larger Than Block-Size Key - Hash Key First"),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {repeated(0xaa, 131),
       bytes_of(
           "This is a test using a larger than block-size key and a larger than block-size data. The key "
           "needs to be hashed before being used by the HMAC algorithm."),
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
}

TEST(HmacSha256, AgreesWithRfc4231) {
  for (const Vector& vector : rfc_4231())
    EXPECT_EQ(hex(HmacSha256(vector.key).compute(vector.message)).substr(0, vector.digest.size()),
              vector.digest);
}

TEST(HmacSha256, BeginsAnewWithEveryMessage) {
  const auto vectors = rfc_4231();
  HmacSha256 mac(vectors[5].key);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(hex(mac.compute(vectors[5].message)), vectors[5].digest);
    EXPECT_EQ(hex(mac.compute(vectors[6].message)), vectors[6].digest);
    mac.compute({});
  }
}

TEST(HmacSha256, TakesItsKeyAlongWhenItMoves) {
  const auto vectors = rfc_4231();
  HmacSha256 first(vectors[0].key);
  first.compute(bytes_of("something else"));
  HmacSha256 second(std::move(first));
  EXPECT_EQ(hex(second.compute(vectors[0].message)), vectors[0].digest);
  HmacSha256 third(vectors[1].key);
  third = std::move(second);
  EXPECT_EQ(hex(third.compute(vectors[0].message)), vectors[0].digest);
}

// RFC 5869, section 2, for as many bytes as one block of the hash has.
Digest hkdf(std::span<const std::byte> key, std::span<const std::byte> salt,
            std::span<const std::byte> info) {
  const Digest extracted = HmacSha256(salt).compute(key);
  std::vector<std::byte> message(info.begin(), info.end());
  message.push_back(std::byte{1});
  return HmacSha256(extracted).compute(message);
}

TEST(DeriveKey, AgreesWithRfc5869) {
  // The RFC's first case, of a shorter key than ours, vouches for the function above.
  EXPECT_EQ(hex(hkdf(repeated(0x0b, 22), unhex("000102030405060708090a0b0c"), unhex("f0f1f2f3f4f5f6f7f8f9"))),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto key = test::pattern(Key::size, seed);
    const auto salt = test::pattern(1 + 5 * seed, seed + 100);
    for (const std::string_view info : {"", "x", "rgtp chunks"})
      EXPECT_EQ(hex(derive_key(key_of(key), salt, info).bytes()), hex(hkdf(key, salt, bytes_of(info))));
  }
}

TEST(DeriveKey, GivesAnotherKeyForAnotherKeySaltOrUse) {
  const auto salt = test::pattern(32);
  auto other_salt = salt;
  other_salt[31] ^= std::byte{1};
  const Key key = key_of(repeated(1, 32));
  const std::set<std::string> derived = {
      hex(key.bytes()),
      hex(derive_key(key, salt, "a").bytes()),
      hex(derive_key(key, salt, "b").bytes()),
      hex(derive_key(key, salt, "").bytes()),
      hex(derive_key(key, other_salt, "a").bytes()),
      hex(derive_key(key_of(repeated(2, 32)), salt, "a").bytes()),
  };
  EXPECT_EQ(derived.size(), 6U);
}

struct AeadVector {
  CipherSuite suite;
  std::string key;
  std::string nonce;
  std::string associated;
  std::string plain;
  std::string sealed;
  std::string tag;
};

// Cases 13 to 16 of "The Galois/Counter Mode of Operation" (McGrew, Viega), which are those with a key and a
// nonce of our lengths, and section 2.8.2 of RFC 8439.
std::vector<AeadVector> aead_vectors() {
  const std::string key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
  const std::string plain =
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
  const std::string sealed =
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad";
  return {
      {CipherSuite::aes_256_gcm, std::string(64, '0'), std::string(24, '0'), "", "", "",
       "530f8afbc74536b9a963b4f1c4cb738b"},
      {CipherSuite::aes_256_gcm, std::string(64, '0'), std::string(24, '0'), "", std::string(32, '0'),
       "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
      {CipherSuite::aes_256_gcm, key, "cafebabefacedbaddecaf888", "", plain, sealed,
       "b094dac5d93471bdec1a502270e3cc6c"},
      {CipherSuite::aes_256_gcm, key, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
       plain.substr(0, 120), sealed.substr(0, 120), "76fc6ece0f4e1768cddf8853bb2d551b"},
      {CipherSuite::chacha20_poly1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
       "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
       hex(bytes_of("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
                    "future, sunscreen would be it.")),
       "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
       "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
       "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
       "3ff4def08e4b7a9de576d26586cec64b6116",
       "1ae10b594f09e26a7e902ecbd0600691"},
  };
}

constexpr std::array both_suites{CipherSuite::aes_256_gcm, CipherSuite::chacha20_poly1305};

Aead::Nonce nonce_of(std::span<const std::byte> bytes) {
  Aead::Nonce nonce;
  std::ranges::copy(bytes, nonce.begin());
  return nonce;
}

struct Sealed {
  std::vector<std::byte> bytes;
  Tag tag{};
};
Sealed seal(Aead& aead, const Aead::Nonce& nonce, std::span<const std::byte> associated,
            std::span<const std::byte> plain) {
  Sealed sealed{std::vector<std::byte>(plain.size())};
  aead.seal(nonce, associated, plain, sealed.bytes, sealed.tag);
  return sealed;
}

TEST(Aead, AgreesWithItsPublishedVectors) {
  for (const AeadVector& vector : aead_vectors()) {
    Aead aead(vector.suite, key_of(unhex(vector.key)));
    const Aead::Nonce nonce = nonce_of(unhex(vector.nonce));
    const auto associated = unhex(vector.associated);
    Sealed sealed = seal(aead, nonce, associated, unhex(vector.plain));
    EXPECT_EQ(hex(sealed.bytes), vector.sealed);
    EXPECT_EQ(hex(sealed.tag), vector.tag);
    EXPECT_TRUE(aead.open(nonce, associated, sealed.bytes, sealed.tag));
    EXPECT_EQ(hex(sealed.bytes), vector.plain);
    // Elsewhere too, and what is sealed stays.
    const auto untouched = unhex(vector.sealed);
    std::vector<std::byte> out(untouched.size());
    EXPECT_TRUE(aead.open(nonce, associated, untouched, out, sealed.tag));
    EXPECT_EQ(hex(out), vector.plain);
    EXPECT_EQ(hex(untouched), vector.sealed);
  }
}

TEST(Aead, SealsInPlaceAsItDoesElsewhere) {
  for (const CipherSuite suite : both_suites) {
    Aead aead(suite, key_of(repeated(7, 32)));
    for (const std::size_t length : {0U, 1U, 15U, 16U, 17U, 255U, 4096U, 65537U}) {
      const Aead::Nonce nonce = nonce_of(test::pattern(Aead::nonce_bytes, length));
      auto bytes = test::pattern(length);
      const Sealed elsewhere = seal(aead, nonce, bytes_of("with"), bytes);
      Tag tag;
      aead.seal(nonce, bytes_of("with"), bytes, bytes, tag);
      EXPECT_EQ(bytes, elsewhere.bytes) << length;
      EXPECT_EQ(tag, elsewhere.tag) << length;
      EXPECT_TRUE(aead.open(nonce, bytes_of("with"), bytes, tag));
      EXPECT_EQ(bytes, test::pattern(length));
    }
  }
}

// As it was, but for one bit.
template <class Bytes>
Bytes flipped(Bytes bytes, std::size_t bit) {
  bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
  return bytes;
}

TEST(Aead, RefusesWhatDiffersInABitFromWhatWasSealed) {
  for (const CipherSuite suite : both_suites) {
    Aead aead(suite, key_of(repeated(7, 32)));
    const Aead::Nonce nonce = nonce_of(test::pattern(Aead::nonce_bytes));
    const auto associated = test::pattern(20, 2);
    const auto plain = test::pattern(1000, 3);
    const Sealed sealed = seal(aead, nonce, associated, plain);
    const auto opens = [&](const Aead::Nonce& with_nonce, std::span<const std::byte> with,
                           std::vector<std::byte> bytes,
                           const Tag& tag) { return aead.open(with_nonce, with, bytes, tag); };
    for (std::size_t bit = 0; bit < 8 * plain.size(); bit += 37)
      ASSERT_FALSE(opens(nonce, associated, flipped(sealed.bytes, bit), sealed.tag)) << bit;
    for (std::size_t bit = 0; bit < 8 * sealed.tag.size(); ++bit)
      ASSERT_FALSE(opens(nonce, associated, sealed.bytes, flipped(sealed.tag, bit))) << bit;
    for (std::size_t bit = 0; bit < 8 * nonce.size(); ++bit)
      ASSERT_FALSE(opens(flipped(nonce, bit), associated, sealed.bytes, sealed.tag)) << bit;
    for (std::size_t bit = 0; bit < 8 * associated.size(); ++bit)
      ASSERT_FALSE(opens(nonce, flipped(associated, bit), sealed.bytes, sealed.tag)) << bit;
    EXPECT_FALSE(opens(nonce, std::span(associated).first(19), sealed.bytes, sealed.tag));
    EXPECT_FALSE(opens(nonce, {}, sealed.bytes, sealed.tag));
    EXPECT_FALSE(opens(nonce, associated, {sealed.bytes.begin(), sealed.bytes.end() - 1}, sealed.tag));
    EXPECT_FALSE(opens(nonce, associated, plain, sealed.tag));
    EXPECT_TRUE(opens(nonce, associated, sealed.bytes, sealed.tag));
  }
}

TEST(Aead, OpensNothingOfAnotherKeyOrSuite) {
  const Aead::Nonce nonce{};
  Aead aes(CipherSuite::aes_256_gcm, key_of(repeated(1, 32)));
  Aead other(CipherSuite::aes_256_gcm, key_of(repeated(2, 32)));
  Aead chacha(CipherSuite::chacha20_poly1305, key_of(repeated(1, 32)));
  const Sealed sealed = seal(aes, nonce, {}, test::pattern(100));
  for (Aead* const wrong : {&other, &chacha}) {
    auto bytes = sealed.bytes;
    EXPECT_FALSE(wrong->open(nonce, {}, bytes, sealed.tag));
  }
}

TEST(Aead, SealsAndOpensInTurns) {
  for (const CipherSuite suite : both_suites) {
    const Key key = key_of(repeated(9, 32));
    Aead aead(suite, key);
    for (std::uint64_t turn = 0; turn < 20; ++turn) {
      const Aead::Nonce nonce = nonce_of(test::pattern(Aead::nonce_bytes, turn));
      const auto plain = test::pattern(100 * turn, turn);
      Sealed sealed = seal(aead, nonce, bytes_of("turn"), plain);
      Aead fresh(suite, key);
      const Sealed expected = seal(fresh, nonce, bytes_of("turn"), plain);
      EXPECT_EQ(sealed.bytes, expected.bytes) << turn;
      EXPECT_EQ(sealed.tag, expected.tag) << turn;
      auto refused = sealed.bytes;
      EXPECT_FALSE(aead.open(nonce, bytes_of("tern"), refused, sealed.tag));
      EXPECT_TRUE(aead.open(nonce, bytes_of("turn"), sealed.bytes, sealed.tag));
      EXPECT_EQ(sealed.bytes, plain);
    }
  }
}

TEST(Aead, TakesItsKeyAlongWhenItMoves) {
  const Aead::Nonce nonce{};
  Aead first(CipherSuite::aes_256_gcm, key_of(repeated(1, 32)));
  const Sealed sealed = seal(first, nonce, {}, test::pattern(50));
  Aead second(std::move(first));
  Aead third(CipherSuite::chacha20_poly1305, key_of(repeated(2, 32)));
  third = std::move(second);
  auto bytes = sealed.bytes;
  EXPECT_TRUE(third.open(nonce, {}, bytes, sealed.tag));
  EXPECT_EQ(bytes, test::pattern(50));
}

TEST(PreferredSuite, IsOneOfTheTwoAndAlwaysTheSame) {
  EXPECT_TRUE(std::ranges::count(both_suites, preferred_suite()) == 1);
  EXPECT_EQ(preferred_suite(), preferred_suite());
}

TEST(Random, FillsAllOfItsBytesAnewEachTime) {
  std::set<std::vector<std::byte>> drawn;
  std::vector<std::byte> ever_set(37);
  for (int i = 0; i < 100; ++i) {
    std::vector<std::byte> bytes(37);
    fill_random(bytes);
    for (std::size_t at = 0; at < bytes.size(); ++at) ever_set[at] |= bytes[at];
    drawn.insert(bytes);
  }
  EXPECT_EQ(drawn.size(), 100U);
  // All bits of a byte stay clear in a hundred draws once in 2^93.
  for (const std::byte byte : ever_set) EXPECT_EQ(byte, std::byte{0xff});
  fill_random({});
}

TEST(EqualInConstantTime, ComparesEveryByteAndTheLength) {
  const auto bytes = test::pattern(32);
  auto other = bytes;
  EXPECT_TRUE(equal_in_constant_time(bytes, other));
  for (std::size_t i = 0; i < other.size(); ++i) {
    other[i] ^= std::byte{0x10};
    EXPECT_FALSE(equal_in_constant_time(bytes, other)) << i;
    other[i] ^= std::byte{0x10};
  }
  EXPECT_FALSE(equal_in_constant_time(bytes, std::span(other).first(31)));
  EXPECT_FALSE(equal_in_constant_time({}, bytes));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
}

}  // namespace
}  // namespace rgtp::core
