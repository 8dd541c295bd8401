#include "packet/slicing.h"

#include <random>

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

TEST(Slicing, SixtyFourKibibytesAtMtu1500AreFortySixSlices) {
  const Manifest manifest = test::manifest_of(1'000'000, 64 * 1024);
  const std::uint16_t slice_bytes = slice_bytes_for(manifest, slice_capacity_of(1500, IpVersion::v4));
  EXPECT_EQ(slice_bytes, 1426);
  EXPECT_EQ(slices_of(manifest, ChunkIndex{0}, slice_bytes), 46U);
  // 46 x 1,426 = 65,596: 44 bytes of padding. The last chunk has 16,960 bytes.
  EXPECT_EQ(slices_of(manifest, ChunkIndex{15}, slice_bytes), 12U);
}

TEST(Slicing, KnowsWhatPacketsCarry) {
  EXPECT_EQ(slice_capacity_of(1500, IpVersion::v4), 1440);
  EXPECT_EQ(slice_capacity_of(1500, IpVersion::v6), 1420);
  EXPECT_EQ(slice_capacity_of(1200, IpVersion::v6), 1120);
  EXPECT_EQ(slice_capacity_of(fallback_mtu, IpVersion::v6), fallback_slice_capacity);
  EXPECT_EQ(slice_capacity_of(65536, IpVersion::v4), max_slice_bytes);
  EXPECT_EQ(slice_capacity_of(0xffff'ffff, IpVersion::v6), max_slice_bytes);
  EXPECT_EQ(slice_capacity_of(576, IpVersion::v4), 516);
  EXPECT_EQ(slice_capacity_of(0, IpVersion::v4), min_slice_bytes);
}

TEST(Slicing, AShortSurfaceIsOneSlice) {
  const Manifest manifest = test::manifest_of(10);
  EXPECT_EQ(slice_bytes_for(manifest, 1440), 26);
  EXPECT_EQ(slices_of(manifest, ChunkIndex{0}, 26), 1U);
  EXPECT_TRUE(is_valid_slice_bytes(manifest, 26));
  EXPECT_FALSE(is_valid_slice_bytes(manifest, 25));
}

TEST(Slicing, NoSliceIsShorterThanTheLeast) {
  // 4,112 bytes in slices of at most 513 are nine of 457: too short.
  const Manifest manifest = test::manifest_of(100'000);
  EXPECT_EQ(slice_bytes_for(manifest, 513), 512);
  EXPECT_TRUE(is_valid_slice_bytes(manifest, 512));
  EXPECT_FALSE(is_valid_slice_bytes(manifest, 511));
  EXPECT_TRUE(is_valid_slice_bytes(manifest, max_slice_bytes));
  EXPECT_FALSE(is_valid_slice_bytes(manifest, max_slice_bytes + 1));
}

TEST(Slicing, AnEmptySurfaceHasNoSliceLength) {
  const Manifest manifest = test::manifest_of(0);
  EXPECT_EQ(slice_bytes_for(manifest, 1440), 1440);
  EXPECT_FALSE(is_valid_slice_bytes(manifest, 1440));
}

TEST(Slicing, TheLargestChunkHasSliceNumbersOf16Bits) {
  const Manifest manifest = test::manifest_of(Manifest::max_chunk_bytes, Manifest::max_chunk_bytes);
  EXPECT_LE(slices_of(manifest, ChunkIndex{0}, min_slice_bytes), 65536U);
}

TEST(Slicing, HoldsForAnyManifest) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 5000; ++round) {
    Manifest manifest = test::manifest_of(1 + random() % (std::uint64_t{1} << (10 + random() % 26)),
                                          std::uint32_t{1} << (12 + random() % 13));
    manifest.trailer_bytes = static_cast<std::uint16_t>(random() % 64);
    const auto capacity =
        static_cast<std::uint16_t>(min_slice_bytes + random() % (max_slice_bytes - min_slice_bytes + 1));
    const std::uint16_t slice_bytes = slice_bytes_for(manifest, capacity);
    ASSERT_LE(slice_bytes, capacity);
    ASSERT_TRUE(is_valid_slice_bytes(manifest, slice_bytes));
    for (const std::uint32_t chunk : {std::uint32_t{0}, manifest.chunk_count() - 1}) {
      const std::uint64_t stored = manifest.length_of(ChunkIndex{chunk}) + manifest.trailer_bytes;
      const std::uint64_t slices = slices_of(manifest, ChunkIndex{chunk}, slice_bytes);
      ASSERT_GE(slices, 1U);
      ASSERT_LE(slices, 65536U);
      ASSERT_GE(slices * slice_bytes, stored);
      ASSERT_LT((slices - 1) * slice_bytes, stored);
    }
    // As few slices as the capacity allows, and each as short as that allows.
    const std::uint64_t full = manifest.length_of(ChunkIndex{0}) + manifest.trailer_bytes;
    const std::uint64_t fewest = (full + capacity - 1) / capacity;
    if (slice_bytes > min_slice_bytes) {
      ASSERT_EQ(slices_of(manifest, ChunkIndex{0}, slice_bytes), fewest);
      ASSERT_LT((slice_bytes - 1U) * fewest, full);
    }
  }
}

TEST(Slicing, BeginsWithTheFirstChunks) {
  const Manifest manifest = test::manifest_of(10'000);
  PullRequest pull{.slice_bytes = 1371, .id = {}};
  runs_from_beginning(manifest, manifest.chunk_count(), 5, pull);
  const std::vector<packet::Run> expected = {{ChunkIndex{0}, 0, 3}, {ChunkIndex{1}, 0, 2}};
  EXPECT_TRUE(std::ranges::equal(pull.asked(), expected));
}

TEST(Slicing, BeginsWithNoMoreThanThereIs) {
  const Manifest manifest = test::manifest_of(5000);
  PullRequest pull{.slice_bytes = 1371, .id = {}};
  runs_from_beginning(manifest, manifest.chunk_count(), 1000, pull);
  const std::vector<packet::Run> expected = {{ChunkIndex{0}, 0, 3}, {ChunkIndex{1}, 0, 1}};
  EXPECT_TRUE(std::ranges::equal(pull.asked(), expected));
  PullRequest nothing{.slice_bytes = 1371, .id = {}};
  runs_from_beginning(manifest, manifest.chunk_count(), 0, nothing);
  EXPECT_EQ(nothing.run_count, 0);
}

TEST(Slicing, WhatItBeginsWithIsAPullThatParses) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 1000; ++round) {
    const Manifest manifest =
        test::manifest_of(1 + random() % 2'000'000, std::uint32_t{1} << (12 + random() % 6));
    PullRequest pull{.slice_bytes = 0, .id = {}};
    pull.slice_bytes = slice_bytes_for(
        manifest, static_cast<std::uint16_t>(min_slice_bytes + random() % (max_slice_bytes - 511)));
    runs_from_beginning(manifest, manifest.chunk_count(), static_cast<std::uint32_t>(1 + random() % 100),
                        pull);
    ASSERT_TRUE(parse_pull(test::datagram_of(pull)));
  }
}

}  // namespace
}  // namespace rgtp::packet
