#include "core/surface_keys.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/bytes.h"
#include "core/manifest_codec.h"
#include "support/bytes.h"
#include "support/pattern.h"
#include "support/protected_surfaces.h"
#include "support/surfaces.h"

namespace rgtp::core {
namespace {

using test::hex;
using test::key_of;

constexpr std::uint32_t chunk_bytes = Manifest::min_chunk_bytes;
constexpr std::array both_suites{CipherSuite::aes_256_gcm, CipherSuite::chacha20_poly1305};

// Of three full chunks and a shorter one.
Manifest sealed_manifest(CipherSuite suite = CipherSuite::aes_256_gcm) {
  Manifest manifest = test::manifest_of(3 * chunk_bytes + 100);
  manifest.name = "model.bin";
  manifest.protection = Protection::sealed;
  manifest.suite = suite;
  return manifest;
}

// Each differs from it in one field.
std::vector<Manifest> others_than(const Manifest& manifest) {
  std::vector<Manifest> others(7, manifest);
  others[0].id.bytes[0] ^= std::byte{1};
  others[1].size -= 1;
  others[2].chunk_bytes *= 2;
  others[3].suite =
      manifest.suite == CipherSuite::aes_256_gcm ? CipherSuite::chacha20_poly1305 : CipherSuite::aes_256_gcm;
  others[4].name += "x";
  others[5].size_pending = true;
  others[6].trailer_bytes += static_cast<std::uint16_t>(manifest.proof_hashes() * Manifest::proof_hash_bytes);
  return others;
}

template <class Bytes>
std::span<const std::byte> first_half(const Bytes& digest) {
  return std::span(digest).first(Manifest::tag_bytes);
}

TEST(SurfaceKeys, FollowFromTheKeyAsTheirHeaderSays) {
  const Key key = key_of(1);
  Manifest manifest = sealed_manifest();
  std::array<std::byte, manifest_bytes> encoded;
  encode_manifest(manifest, encoded);
  const Digest salt = sha256(encoded);
  const SurfaceKeys keys(key, manifest);
  EXPECT_EQ(keys.header(), salt);
  EXPECT_TRUE(keys.chunks() == derive_key(key, salt, "rgtp chunks"));
  EXPECT_EQ(hex(keys.manifest_tag()),
            hex(first_half(HmacSha256(derive_key(key, salt, "rgtp manifest").bytes()).compute(salt))));
  const auto size = test::bytes_of(std::string_view("\x07\x06\x05\x04\x03\x02\x01\x00", 8));
  EXPECT_EQ(hex(keys.end_tag(0x0001020304050607)),
            hex(first_half(HmacSha256(derive_key(key, salt, "rgtp end").bytes()).compute(size))));
}

TEST(SurfaceKeys, AreOthersForAnotherKeyAndForEveryOtherManifest) {
  const Manifest manifest = sealed_manifest();
  std::set<std::string> subkeys;
  std::set<Tag> tags;
  const auto insert = [&](const SurfaceKeys& keys) {
    EXPECT_TRUE(subkeys.insert(hex(keys.chunks().bytes())).second) << subkeys.size();
    EXPECT_TRUE(tags.insert(keys.manifest_tag()).second) << tags.size();
    EXPECT_TRUE(tags.insert(keys.end_tag(100)).second) << tags.size();
  };
  insert(SurfaceKeys(key_of(1), manifest));
  insert(SurfaceKeys(key_of(2), manifest));
  for (const Manifest& other : others_than(manifest)) {
    ASSERT_TRUE(other.validate());
    insert(SurfaceKeys(key_of(1), other));
  }
}

TEST(SurfaceKeys, DoNotDependOnTheManifestsTag) {
  Manifest manifest = sealed_manifest();
  const SurfaceKeys before(key_of(1), manifest);
  manifest.tag = before.manifest_tag();
  const SurfaceKeys after(key_of(1), manifest);
  EXPECT_TRUE(after.chunks() == before.chunks());
  EXPECT_EQ(after.header(), before.header());
  EXPECT_EQ(after.manifest_tag(), manifest.tag);
}

TEST(SurfaceKeys, AuthenticateTheirOwnManifestAlone) {
  Manifest manifest = sealed_manifest();
  const SurfaceKeys keys(key_of(1), manifest);
  EXPECT_FALSE(keys.authenticates(manifest)) << "it has no tag";
  manifest.tag = keys.manifest_tag();
  EXPECT_TRUE(keys.authenticates(manifest));
  for (std::size_t bit = 0; bit < 8 * manifest.tag.size(); ++bit) {
    Manifest forged = manifest;
    forged.tag[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_FALSE(keys.authenticates(forged)) << bit;
  }
  for (Manifest other : others_than(manifest)) {
    const SurfaceKeys other_keys(key_of(1), other);
    EXPECT_FALSE(keys.authenticates(other)) << "it has another's tag";
    EXPECT_FALSE(other_keys.authenticates(other)) << "nor does it have its own";
    other.tag = other_keys.manifest_tag();
    EXPECT_TRUE(other_keys.authenticates(other));
    EXPECT_FALSE(keys.authenticates(other)) << "it is another's";
  }
  EXPECT_FALSE(SurfaceKeys(key_of(2), manifest).authenticates(manifest));
}

TEST(SurfaceKeys, AuthenticateAnEndByItsOwnTagAlone) {
  Manifest manifest = sealed_manifest();
  manifest.size_pending = true;
  const SurfaceKeys keys(key_of(1), manifest);
  Manifest other = manifest;
  other.id.bytes[0] ^= std::byte{1};
  const std::vector<std::uint64_t> sizes = {0, 1, 255, 256, 5000, manifest.size, std::uint64_t{1} << 40};
  for (const std::uint64_t size : sizes) {
    for (const std::uint64_t told : sizes)
      EXPECT_EQ(keys.authenticates(FinalSize(told, keys.end_tag(size))), told == size)
          << size << ", " << told;
    for (std::size_t bit = 0; bit < 8 * sizeof(EndTag); ++bit) {
      EndTag forged = keys.end_tag(size);
      forged[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      EXPECT_FALSE(keys.authenticates(FinalSize(size, forged))) << bit;
    }
    EXPECT_FALSE(keys.authenticates(FinalSize(size)));
    EXPECT_FALSE(keys.authenticates(FinalSize(size, keys.manifest_tag())));
    EXPECT_FALSE(SurfaceKeys(key_of(2), manifest).authenticates(FinalSize(size, keys.end_tag(size))));
    EXPECT_FALSE(SurfaceKeys(key_of(1), other).authenticates(FinalSize(size, keys.end_tag(size))));
  }
}

TEST(CountedBytes, AreAllThatIsStoredButBehindTheEndOfASurfaceThatGrew) {
  Manifest manifest = test::manifest_of(3 * chunk_bytes + 100);
  EXPECT_EQ(counted_bytes(manifest, ChunkIndex{2}, manifest.size), chunk_bytes);
  EXPECT_EQ(counted_bytes(manifest, ChunkIndex{3}, manifest.size), 100U);
  manifest.size_pending = true;
  for (const std::uint64_t size : {0U, 1U, 100U, chunk_bytes - 1, chunk_bytes, chunk_bytes + 1,
                                   2 * chunk_bytes, 3 * chunk_bytes + 100}) {
    std::uint64_t counted = 0;
    for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value) {
      const std::uint64_t left = size - counted;
      EXPECT_EQ(counted_bytes(manifest, chunk, size), std::min<std::uint64_t>(chunk_bytes, left)) << size;
      counted += counted_bytes(manifest, chunk, size);
    }
    EXPECT_EQ(counted, size);
  }
}

struct SealedChunk {
  std::vector<std::byte> bytes;
  Tag tag;
};
SealedChunk seal(ChunkCipher& cipher, ChunkIndex chunk, std::span<const std::byte> plain) {
  SealedChunk sealed{std::vector<std::byte>(plain.size()), {}};
  sealed.tag = cipher.seal(chunk, plain, static_cast<std::uint32_t>(plain.size()), sealed.bytes);
  return sealed;
}
// What it held; empty where it does not open.
std::vector<std::byte> open(ChunkCipher& cipher, ChunkIndex chunk, SealedChunk sealed) {
  const auto counted = static_cast<std::uint32_t>(sealed.bytes.size());
  if (!cipher.open(chunk, sealed.bytes, counted, sealed.tag, sealed.bytes)) return {};
  return sealed.bytes;
}
ChunkCipher cipher_of(const Manifest& manifest, std::uint8_t key_seed = 1) {
  return {manifest.suite, SurfaceKeys(key_of(key_seed), manifest)};
}

TEST(ChunkCipher, OpensWhatAnotherOfTheSameSurfaceSealed) {
  for (const CipherSuite suite : both_suites) {
    const Manifest manifest = sealed_manifest(suite);
    ChunkCipher sealing = cipher_of(manifest);
    ChunkCipher opening = cipher_of(manifest);
    for (const std::uint32_t chunk : {0U, 1U, 3U, 255U, 256U, Manifest::max_chunks - 1}) {
      const auto plain = test::pattern(chunk == 3 ? 100 : chunk_bytes, chunk);
      const SealedChunk sealed = seal(sealing, ChunkIndex{chunk}, plain);
      EXPECT_NE(sealed.bytes, plain);
      EXPECT_EQ(open(opening, ChunkIndex{chunk}, sealed), plain);
      auto in_place = plain;
      const Tag tag =
          sealing.seal(ChunkIndex{chunk}, in_place, static_cast<std::uint32_t>(plain.size()), in_place);
      EXPECT_EQ(in_place, sealed.bytes);
      EXPECT_EQ(tag, sealed.tag);
    }
  }
}

TEST(ChunkCipher, UsesTheNonceAndTheAssociatedDataThatItsHeaderSays) {
  for (const CipherSuite suite : both_suites) {
    const Manifest manifest = sealed_manifest(suite);
    const SurfaceKeys keys(key_of(1), manifest);
    Aead::Nonce nonce{std::byte{0x44}, std::byte{0x33}, std::byte{0x02}, std::byte{0x00}};
    std::vector<std::byte> associated(keys.header().begin(), keys.header().end());
    for (const unsigned byte : {0x44U, 0x33U, 0x02U, 0x00U, 0x0aU, 0x00U, 0x00U, 0x00U})
      associated.push_back(static_cast<std::byte>(byte));
    const auto plain = test::pattern(20);
    auto expected = plain;
    Tag expected_tag;
    Aead(suite, keys.chunks()).seal(nonce, associated, expected, expected, expected_tag);
    auto sealed = plain;
    EXPECT_EQ(ChunkCipher(suite, keys).seal(ChunkIndex{0x23344}, sealed, 10, sealed), expected_tag);
    EXPECT_EQ(sealed, expected);
  }
}

// Of two chunks under one nonce the bytes of both would follow.
TEST(ChunkCipher, SealsTheSameBytesDifferentlyInEveryPlace) {
  for (const CipherSuite suite : both_suites) {
    ChunkCipher cipher = cipher_of(sealed_manifest(suite));
    std::set<std::string> sealed;
    std::set<Tag> tags;
    for (std::uint32_t i = 0; i < 600; ++i) {
      const SealedChunk chunk = seal(cipher, ChunkIndex{i}, std::vector<std::byte>(32));
      sealed.insert(test::hex(chunk.bytes));
      tags.insert(chunk.tag);
    }
    for (std::uint32_t bit = 10; bit < 20; ++bit)
      sealed.insert(test::hex(seal(cipher, ChunkIndex{1U << bit}, std::vector<std::byte>(32)).bytes));
    EXPECT_EQ(sealed.size(), 610U);
    EXPECT_EQ(tags.size(), 600U);
  }
}

TEST(ChunkCipher, OpensNoChunkInAnothersPlace) {
  for (const CipherSuite suite : both_suites) {
    ChunkCipher cipher = cipher_of(sealed_manifest(suite));
    for (std::uint32_t i = 0; i < 10; ++i) {
      const SealedChunk sealed = seal(cipher, ChunkIndex{i}, test::pattern(64));
      for (std::uint32_t other = 0; other < 10; ++other)
        EXPECT_EQ(!open(cipher, ChunkIndex{other}, sealed).empty(), other == i) << i << " as " << other;
    }
  }
}

TEST(ChunkCipher, OpensNothingThatWasChanged) {
  for (const CipherSuite suite : both_suites) {
    ChunkCipher cipher = cipher_of(sealed_manifest(suite));
    const SealedChunk sealed = seal(cipher, ChunkIndex{2}, test::pattern(chunk_bytes));
    for (std::size_t at = 0; at < chunk_bytes; at += 61) {
      SealedChunk changed = sealed;
      changed.bytes[at] ^= std::byte{1};
      EXPECT_TRUE(open(cipher, ChunkIndex{2}, changed).empty()) << at;
    }
    for (std::size_t at = 0; at < sealed.tag.size(); ++at) {
      SealedChunk changed = sealed;
      changed.tag[at] ^= std::byte{0x80};
      EXPECT_TRUE(open(cipher, ChunkIndex{2}, changed).empty()) << at;
    }
    SealedChunk shorter = sealed;
    shorter.bytes.pop_back();
    EXPECT_TRUE(open(cipher, ChunkIndex{2}, shorter).empty());
  }
}

// Zeros behind the end are not content, nor is content zeros behind the end.
TEST(ChunkCipher, OpensAChunkForAsManyBytesAsCountAlone) {
  for (const CipherSuite suite : both_suites) {
    ChunkCipher cipher = cipher_of(sealed_manifest(suite));
    for (const std::uint32_t counted : {0U, 1U, 100U, chunk_bytes}) {
      auto sealed = test::pattern(chunk_bytes);
      const Tag tag = cipher.seal(ChunkIndex{1}, sealed, counted, sealed);
      for (const std::uint32_t told : {0U, 1U, 99U, 100U, 101U, chunk_bytes - 1, chunk_bytes}) {
        auto bytes = sealed;
        EXPECT_EQ(cipher.open(ChunkIndex{1}, bytes, told, tag, bytes), told == counted)
            << counted << ", " << told;
      }
    }
  }
}

TEST(ChunkCipher, OpensNothingOfAnotherSurfaceOrKey) {
  for (const CipherSuite suite : both_suites) {
    const Manifest manifest = sealed_manifest(suite);
    ChunkCipher cipher = cipher_of(manifest);
    const SealedChunk sealed = seal(cipher, ChunkIndex{0}, test::pattern(chunk_bytes));
    for (const Manifest& other : others_than(manifest)) {
      ChunkCipher other_cipher = cipher_of(other);
      EXPECT_TRUE(open(other_cipher, ChunkIndex{0}, sealed).empty());
    }
    ChunkCipher other_key = cipher_of(manifest, 2);
    EXPECT_TRUE(open(other_key, ChunkIndex{0}, sealed).empty());
    EXPECT_FALSE(open(cipher, ChunkIndex{0}, sealed).empty());
  }
}

}  // namespace
}  // namespace rgtp::core
