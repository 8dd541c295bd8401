#include "core/digest.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "support/bytes.h"
#include "support/pattern.h"

namespace rgtp::core {
namespace {

using test::bytes_of;
using test::hex;
using test::pattern;

// Constants made with the xxHash 0.8.1 library: tags are part of the format and must not change.
TEST(ChunkTag, IsTheCanonicalXxh3OfTheBytesSeededWithTheIndex) {
  EXPECT_EQ(hex(chunk_tag(ChunkIndex{0}, {})), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hex(chunk_tag(ChunkIndex{1}, {})), "d9265cc53bb2b9ae6131b78f753823cd");
  EXPECT_EQ(hex(chunk_tag(ChunkIndex{0}, bytes_of("abc"))), "06b05ab6733a618578af5f94892f3950");
  EXPECT_EQ(hex(chunk_tag(ChunkIndex{5}, bytes_of("abc"))), "c8bd411d99f2cfb75599169c9856140b");
  const std::vector<std::byte> zeros(Manifest::default_chunk_bytes);
  EXPECT_EQ(hex(chunk_tag(ChunkIndex{0}, zeros)), "fd5ee061c8433a0f33b202d302b65caa");
  EXPECT_EQ(hex(chunk_tag(ChunkIndex{Manifest::max_chunks - 1}, zeros)), "05e692dc037d59c4b4b27189de2871f1");
}

TEST(ChunkTag, IsAnotherOneAtEveryIndex) {
  const auto bytes = pattern(4096);
  std::set<Tag> tags;
  for (std::uint32_t chunk = 0; chunk < 1000; ++chunk) tags.insert(chunk_tag(ChunkIndex{chunk}, bytes));
  EXPECT_EQ(tags.size(), 1000U);
}

TEST(ChunkTag, ChangesWithAnyByteAndWithTheLength) {
  for (const std::size_t size : {1U, 16U, 240U, 300U}) {
    auto bytes = pattern(size);
    const Tag tag = chunk_tag(ChunkIndex{7}, bytes);
    EXPECT_EQ(tag, chunk_tag(ChunkIndex{7}, pattern(size)));
    for (std::size_t i = 0; i < size; ++i) {
      bytes[i] ^= std::byte{1};
      EXPECT_NE(chunk_tag(ChunkIndex{7}, bytes), tag) << i << " of " << size;
      bytes[i] ^= std::byte{1};
    }
    EXPECT_NE(chunk_tag(ChunkIndex{7}, std::span(bytes).first(size - 1)), tag);
    bytes.push_back(std::byte{0});
    EXPECT_NE(chunk_tag(ChunkIndex{7}, bytes), tag);
  }
}

std::vector<std::byte> counting_header() {
  std::vector<std::byte> header(32);
  for (std::size_t i = 0; i < header.size(); ++i) header[i] = static_cast<std::byte>(i);
  return header;
}

// XXH3_64(header || XXH3_64(payload) as little-endian bytes, seed pull id), low half, with xxHash 0.8.1.
TEST(DatagramCheck, IsTheTwoStepHashThatTheHeaderDescribes) {
  EXPECT_EQ(datagram_check(counting_header(), bytes_of("abc"), 0x0123456789abcdef), 0xe792dbf1);
  EXPECT_EQ(datagram_check(counting_header(), {}, 7), 0xb156f02e);
}

TEST(DatagramCheck, NoticesAnyFlippedBit) {
  auto header = counting_header();
  auto payload = pattern(64);
  const std::uint64_t pull_id = 0x1122334455667788;
  const std::uint32_t check = datagram_check(header, payload, pull_id);
  const auto expect_noticed = [&](std::vector<std::byte>& bytes, const char* where) {
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      const auto mask = static_cast<std::byte>(1U << (bit % 8));
      bytes[bit / 8] ^= mask;
      EXPECT_NE(datagram_check(header, payload, pull_id), check) << where << ", bit " << bit;
      bytes[bit / 8] ^= mask;
    }
  };
  expect_noticed(header, "header");
  expect_noticed(payload, "payload");
  for (unsigned bit = 0; bit < 64; ++bit)
    EXPECT_NE(datagram_check(header, payload, pull_id ^ std::uint64_t{1} << bit), check) << "id, bit " << bit;
  EXPECT_EQ(datagram_check(header, payload, pull_id), check);
}

TEST(DatagramCheck, NoticesABorderThatMoved) {
  const auto bytes = pattern(48);
  const std::span all(bytes);
  EXPECT_NE(datagram_check(all.first(32), all.subspan(32), 1),
            datagram_check(all.first(31), all.subspan(31), 1));
  EXPECT_NE(datagram_check(all.first(32), all.subspan(32, 15), 1),
            datagram_check(all.first(32), all.subspan(32), 1));
}

TEST(DatagramCheck, UsesAllItsThirtyTwoBits) {
  std::uint32_t seen_set = 0;
  std::uint32_t seen_clear = 0;
  for (std::uint64_t pull_id = 0; pull_id < 200; ++pull_id) {
    const std::uint32_t check = datagram_check(counting_header(), {}, pull_id);
    seen_set |= check;
    seen_clear |= ~check;
  }
  EXPECT_EQ(seen_set, 0xffffffff);
  EXPECT_EQ(seen_clear, 0xffffffff);
}

}  // namespace
}  // namespace rgtp::core
