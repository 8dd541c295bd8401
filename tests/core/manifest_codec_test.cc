#include "core/manifest_codec.h"

#include <array>
#include <random>

#include <gtest/gtest.h>

#include "support/bytes.h"
#include "support/pattern.h"

namespace rgtp::core {
namespace {

using Encoded = std::array<std::byte, manifest_bytes>;

Encoded encode(const Manifest& manifest) {
  Encoded bytes;
  bytes.fill(std::byte{0xee});
  encode_manifest(manifest, bytes);
  return bytes;
}

Manifest sample() {
  Manifest manifest;
  manifest.size = 0x0123456789a;
  manifest.chunk_bytes = 8 << 20;
  manifest.name = "model.bin";
  for (std::size_t i = 0; i < 16; ++i) manifest.id.bytes[i] = static_cast<std::byte>(0xa0 + i);
  return manifest;
}

// A manifest that validate() accepts, of any kind.
Manifest random_manifest(std::mt19937_64& random) {
  Manifest manifest;
  manifest.id = SurfaceId::random();
  manifest.chunk_bytes = 4096U << random() % 13;
  manifest.size = random() % ((std::uint64_t{manifest.chunk_bytes} << 20) + 1);
  manifest.size_pending = random() % 2 == 0;
  if (!manifest.size_pending && random() % 2 == 0)
    manifest.trailer_bytes = static_cast<std::uint16_t>(16 + 32 * manifest.proof_hashes());
  manifest.name.resize(random() % 256);
  for (char& c : manifest.name) c = static_cast<char>(random() % 256);
  if (random() % 2 == 0) {
    manifest.protection = Protection::sealed;
    manifest.suite = random() % 2 == 0 ? CipherSuite::aes_256_gcm : CipherSuite::chacha20_poly1305;
    test::fill_pattern(manifest.tag, 0, random());
  }
  return manifest;
}

void expect_refused(const Encoded& bytes, Errc code) {
  const auto manifest = parse_manifest(bytes);
  ASSERT_FALSE(manifest);
  EXPECT_EQ(manifest.error().code, code) << manifest.error().message();
}

// The format, byte by byte: it must not change.
TEST(ManifestCodec, WritesTheFieldsWhereTheFormatSays) {
  const Encoded bytes = encode(sample());
  EXPECT_EQ(test::hex(std::span(bytes).first(58)),
            "01000017"                          // format, checksum, none, 2^23
            "10000000"                          // trailer, flags
            "9a78563412000000"                  // size
            "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"  // id
            "00000000000000000000000000000000"  // tag
            "09"
            "6d6f64656c2e62696e");  // name
  for (std::size_t i = 58; i < bytes.size(); ++i) ASSERT_EQ(bytes[i], std::byte{0}) << i;
}

TEST(ManifestCodec, RoundTripsAnyValidManifest) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 2000; ++i) {
    const Manifest manifest = random_manifest(random);
    ASSERT_TRUE(manifest.validate());
    const auto parsed = parse_manifest(encode(manifest));
    ASSERT_TRUE(parsed) << parsed.error().message();
    ASSERT_EQ(*parsed, manifest);
  }
}

TEST(ManifestCodec, RoundTripsTheLargestManifest) {
  Manifest manifest = Manifest::make(Manifest::max_size, std::string(255, '\xff')).value();
  manifest.size_pending = true;
  EXPECT_EQ(parse_manifest(encode(manifest)), manifest);
}

TEST(ManifestCodec, NeedsExactlyItsLength) {
  const Encoded bytes = encode(sample());
  std::vector<std::byte> longer(bytes.begin(), bytes.end());
  longer.push_back(std::byte{0});
  EXPECT_EQ(parse_manifest(longer).error().code, Errc::malformed_data);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    ASSERT_EQ(parse_manifest(std::span(bytes).first(length)).error().code, Errc::malformed_data) << length;
}

TEST(ManifestCodec, SaysThatAnotherFormatIsAnotherVersion) {
  Encoded bytes = encode(sample());
  for (const unsigned format : {0U, 2U, 255U}) {
    bytes[0] = static_cast<std::byte>(format);
    expect_refused(bytes, Errc::unsupported_version);
  }
}

TEST(ManifestCodec, RefusesWhatItDoesNotKnow) {
  const Encoded good = encode(sample());
  const auto with = [&](std::size_t at, unsigned value) {
    Encoded bytes = good;
    bytes[at] = static_cast<std::byte>(value);
    return bytes;
  };
  expect_refused(with(1, 2), Errc::malformed_data);    // protection
  expect_refused(with(2, 1), Errc::malformed_data);    // a suite that nothing uses
  expect_refused(with(3, 32), Errc::malformed_data);   // chunks of 2^32 bytes
  expect_refused(with(3, 255), Errc::malformed_data);  // no shift by so much
  expect_refused(with(4, 17), Errc::malformed_data);   // trailer
  expect_refused(with(6, 2), Errc::malformed_data);    // flags
  expect_refused(with(7, 1), Errc::malformed_data);
  expect_refused(with(32, 1), Errc::malformed_data);   // tag of a surface that is not sealed
  expect_refused(with(48, 8), Errc::malformed_data);   // the name's last byte becomes padding
  expect_refused(with(303, 1), Errc::malformed_data);  // padding
  EXPECT_TRUE(parse_manifest(with(6, 1))->size_pending);
}

TEST(ManifestCodec, ChecksTheLimitsOfWhatItReads) {
  const Encoded good = encode(sample());
  Encoded bytes = good;
  for (const unsigned chunk_bits : {0U, 11U, 25U, 31U}) {
    bytes[3] = static_cast<std::byte>(chunk_bits);
    EXPECT_FALSE(parse_manifest(bytes)) << chunk_bits;
  }
  bytes = good;
  bytes[3] = std::byte{12};
  expect_refused(bytes, Errc::too_large);  // more than 2^20 chunks
  bytes = good;
  bytes[15] = std::byte{0xff};
  expect_refused(bytes, Errc::too_large);
}

TEST(ManifestCodec, HasOneEncodingOfWhateverItAccepts) {
  std::mt19937_64 random(5);
  int accepted = 0;
  for (int i = 0; i < 30000; ++i) {
    Encoded bytes = encode(random_manifest(random));
    // The fields in front are where a byte decides something.
    for (std::uint64_t flips = 1 + random() % 3; flips > 0; --flips)
      bytes[random() % (random() % 2 == 0 ? 49 : bytes.size())] ^= static_cast<std::byte>(1U << random() % 8);
    const auto manifest = parse_manifest(bytes);
    if (!manifest) continue;
    ++accepted;
    ASSERT_TRUE(manifest->validate());
    ASSERT_EQ(encode(*manifest), bytes);
  }
  EXPECT_GT(accepted, 500);
}

}  // namespace
}  // namespace rgtp::core
