#include "core/crypto.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

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
