#include <map>
#include <random>

#include <gtest/gtest.h>

#include "core/manifest_codec.h"
#include "support/bytes.h"
#include "support/pattern.h"

namespace rgtp {
namespace {

constexpr std::uint64_t max_size = std::uint64_t{1} << 44;

Manifest manifest_of(std::uint64_t size, std::uint32_t chunk_bytes) {
  Manifest manifest;
  manifest.size = size;
  manifest.chunk_bytes = chunk_bytes;
  return manifest;
}

void expect_invalid(const Manifest& manifest, Errc code) {
  const auto valid = manifest.validate();
  ASSERT_FALSE(valid);
  EXPECT_EQ(valid.error().code, code) << valid.error().message();
  EXPECT_FALSE(valid.error().message().empty());
}

TEST(Manifest, MakesChunksOfSixtyFourKibibytes) {
  const auto manifest = Manifest::make(1000000, "model.bin").value();
  EXPECT_EQ(manifest.size, 1000000U);
  EXPECT_EQ(manifest.name, "model.bin");
  EXPECT_EQ(manifest.chunk_bytes, 65536U);
  EXPECT_EQ(manifest.chunk_count(), 16U);
  EXPECT_EQ(manifest.protection, Protection::checksum);
  EXPECT_EQ(manifest.trailer_bytes, 16U);
  EXPECT_FALSE(manifest.size_pending);
  EXPECT_TRUE(manifest.validate());
  EXPECT_NE(manifest.id, SurfaceId{});
  EXPECT_NE(manifest.id, Manifest::make(1000000, "model.bin")->id);
}

TEST(Manifest, MakesLargerChunksWhereThereWouldBeTooMany) {
  const std::uint64_t at_64_kib = std::uint64_t{1} << 36;
  EXPECT_EQ(Manifest::make(at_64_kib)->chunk_bytes, 65536U);
  EXPECT_EQ(Manifest::make(at_64_kib)->chunk_count(), 1U << 20);
  EXPECT_EQ(Manifest::make(at_64_kib + 1)->chunk_bytes, 131072U);
  EXPECT_EQ(Manifest::make(at_64_kib + 1)->chunk_count(), (1U << 19) + 1);
  EXPECT_EQ(Manifest::make(max_size / 2)->chunk_bytes, 8U << 20);
  EXPECT_EQ(Manifest::make(max_size / 2 + 1)->chunk_bytes, 16U << 20);
  EXPECT_EQ(Manifest::make(max_size)->chunk_bytes, 16U << 20);
  EXPECT_EQ(Manifest::make(max_size)->chunk_count(), 1U << 20);
}

TEST(Manifest, EndsAtTwoToTheFortyFourBytes) {
  EXPECT_EQ(Manifest::max_size, max_size);
  for (const std::uint64_t size : {max_size + 1, whole}) {
    const auto manifest = Manifest::make(size);
    ASSERT_FALSE(manifest);
    EXPECT_EQ(manifest.error().code, Errc::too_large);
    expect_invalid(manifest_of(size, Manifest::max_chunk_bytes), Errc::too_large);
  }
  EXPECT_TRUE(manifest_of(max_size, Manifest::max_chunk_bytes).validate());
}

TEST(Manifest, TakesChunksFromFourKibibytesToSixteenMebibytes) {
  for (std::uint32_t chunk_bytes = 4096; chunk_bytes <= 16U << 20; chunk_bytes *= 2)
    EXPECT_TRUE(manifest_of(5000, chunk_bytes).validate()) << chunk_bytes;
  for (const std::uint32_t chunk_bytes : {0U, 1U, 2048U, 4095U, 4097U, 12288U, (16U << 20) - 1,
                                          (16U << 20) + 1, 32U << 20, 1U << 31, 0xffffffffU})
    expect_invalid(manifest_of(5000, chunk_bytes), Errc::invalid_argument);
}

TEST(Manifest, HasAtMostAMebiOfChunks) {
  for (std::uint32_t chunk_bytes = 4096; chunk_bytes < 16U << 20; chunk_bytes *= 2) {
    const std::uint64_t most = std::uint64_t{chunk_bytes} << 20;
    EXPECT_TRUE(manifest_of(most, chunk_bytes).validate());
    EXPECT_EQ(manifest_of(most, chunk_bytes).chunk_count(), Manifest::max_chunks);
    expect_invalid(manifest_of(most + 1, chunk_bytes), Errc::too_large);
  }
}

TEST(Manifest, HasANameOfAtMost255Bytes) {
  EXPECT_TRUE(Manifest::make(1, std::string(255, 'n')));
  const auto manifest = Manifest::make(1, std::string(256, 'n'));
  ASSERT_FALSE(manifest);
  EXPECT_EQ(manifest.error().code, Errc::invalid_argument);
}

TEST(Manifest, HasASuiteAndATagOnlyWhereItIsSealed) {
  Manifest manifest = manifest_of(1, 4096);
  manifest.suite = CipherSuite::aes_256_gcm;
  expect_invalid(manifest, Errc::malformed_data);
  manifest.protection = Protection::sealed;
  manifest.tag[15] = std::byte{1};
  EXPECT_TRUE(manifest.validate());
  manifest.suite = CipherSuite::chacha20_poly1305;
  EXPECT_TRUE(manifest.validate());
  manifest.suite = static_cast<CipherSuite>(3);
  expect_invalid(manifest, Errc::malformed_data);
  manifest.suite = CipherSuite::none;
  expect_invalid(manifest, Errc::malformed_data);
  manifest.protection = Protection::checksum;
  expect_invalid(manifest, Errc::malformed_data);  // the tag
  manifest.tag = {};
  EXPECT_TRUE(manifest.validate());
  manifest.protection = static_cast<Protection>(2);
  expect_invalid(manifest, Errc::malformed_data);
}

TEST(Manifest, HasATrailerOfATagAndOfAHashALevelOverItsChunksOrNone) {
  const std::map<std::uint32_t, std::uint32_t> levels = {
      {0, 0}, {1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {64, 6}, {65, 7}, {Manifest::max_chunks, 20}};
  for (const auto& [chunks, hashes] : levels) {
    Manifest manifest = manifest_of(std::uint64_t{chunks} * 4096, 4096);
    EXPECT_EQ(manifest.proof_hashes(), hashes);
    for (std::uint32_t bytes = 0; bytes <= 2048; ++bytes) {
      manifest.trailer_bytes = static_cast<std::uint16_t>(bytes);
      ASSERT_EQ(manifest.validate().has_value(), bytes == 16 || bytes == 16 + 32 * hashes) << bytes;
    }
    manifest.size_pending = true;
    manifest.trailer_bytes = static_cast<std::uint16_t>(16 + 32 * hashes);
    EXPECT_EQ(manifest.validate().has_value(), hashes == 0) << "of what grows there is no proof";
  }
}

TEST(Manifest, HasNoChunkWhereItIsEmpty) {
  const auto manifest = Manifest::make(0).value();
  EXPECT_EQ(manifest.chunk_count(), 0U);
  EXPECT_EQ(manifest.chunks_of({})->size(), 0U);
  EXPECT_EQ(manifest.resolve({}), (Range{0, 0}));
  EXPECT_EQ(manifest.chunks_of({0, 1}).error().code, Errc::out_of_range);
  EXPECT_EQ(manifest.chunks_of({1, 0}).error().code, Errc::out_of_range);
}

TEST(Manifest, HasAShorterLastChunk) {
  const Manifest manifest = manifest_of(3 * 4096 + 5, 4096);
  EXPECT_EQ(manifest.chunk_count(), 4U);
  EXPECT_EQ(manifest.length_of(ChunkIndex{2}), 4096U);
  EXPECT_EQ(manifest.length_of(ChunkIndex{3}), 5U);
  EXPECT_EQ(manifest.offset_of(ChunkIndex{3}), 12288U);
  EXPECT_EQ(manifest_of(3 * 4096, 4096).length_of(ChunkIndex{2}), 4096U);
}

TEST(Manifest, HasOnlyFullChunksWhileItGrows) {
  Manifest manifest = manifest_of(3 * 4096 + 5, 4096);
  manifest.size_pending = true;
  EXPECT_EQ(manifest.chunk_count(), 4U);
  EXPECT_EQ(manifest.length_of(ChunkIndex{3}), 4096U);
  EXPECT_TRUE(manifest.validate());
}

TEST(Manifest, CountsChunksOfTheLargestSurfaceWithoutOverflow) {
  const Manifest manifest = manifest_of(max_size - 1, Manifest::max_chunk_bytes);
  const ChunkIndex last{Manifest::max_chunks - 1};
  EXPECT_EQ(manifest.chunk_count(), Manifest::max_chunks);
  EXPECT_EQ(manifest.offset_of(last), max_size - (16U << 20));
  EXPECT_EQ(manifest.length_of(last), (16U << 20) - 1);
  EXPECT_EQ(manifest.chunks_of({max_size - 2, 1}), (ChunkRange{last, ChunkIndex{Manifest::max_chunks}}));
}

TEST(Manifest, RefusesRangesPastTheEnd) {
  const Manifest manifest = manifest_of(10000, 4096);
  EXPECT_EQ(manifest.resolve({0, 10000}), (Range{0, 10000}));
  EXPECT_EQ(manifest.resolve({9999}), (Range{9999, 1}));
  EXPECT_EQ(manifest.resolve({10000}), (Range{10000, 0}));
  EXPECT_EQ(manifest.resolve({10000, 0}), (Range{10000, 0}));
  for (const Range range : {Range{0, 10001}, Range{1, 10000}, Range{10000, 1}, Range{10001, 0},
                            Range{10001, whole}, Range{9999, whole - 1}, Range{whole, whole}}) {
    const auto resolved = manifest.resolve(range);
    ASSERT_FALSE(resolved) << range.offset << ", " << range.length;
    EXPECT_EQ(resolved.error().code, Errc::out_of_range);
    EXPECT_EQ(manifest.chunks_of(range).error().code, Errc::out_of_range);
  }
}

TEST(Manifest, AgreesWithCountingBytesOneByOne) {
  for (const std::uint64_t size : {1U, 4095U, 4096U, 4097U, 8191U, 8192U, 8193U, 20000U}) {
    const Manifest manifest = manifest_of(size, 4096);
    std::vector<std::uint32_t> lengths;
    for (std::uint64_t offset = 0; offset < size; ++offset) {
      if (offset % 4096 == 0) lengths.push_back(0);
      ++lengths.back();
    }
    ASSERT_EQ(manifest.chunk_count(), lengths.size());
    for (std::uint32_t i = 0; i < lengths.size(); ++i)
      ASSERT_EQ(manifest.length_of(ChunkIndex{i}), lengths[i]);
  }
}

TEST(Manifest, FindsTheChunksOfAnyRange) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 3000; ++round) {
    const std::uint64_t size = 1 + random() % 30000;
    const Manifest manifest = manifest_of(size, 4096);
    const std::uint64_t offset = random() % (size + 1);
    const std::uint64_t length = random() % 5 == 0 ? 0 : random() % (size - offset + 1);
    const auto chunks = manifest.chunks_of({offset, length}).value();
    for (std::uint32_t chunk = 0; chunk < manifest.chunk_count(); ++chunk) {
      const std::uint64_t begin = std::uint64_t{chunk} * 4096;
      const bool overlaps = begin < offset + length && offset < begin + 4096 && length > 0;
      ASSERT_EQ(chunks.contains(ChunkIndex{chunk}), overlaps)
          << "chunk " << chunk << " of " << size << " bytes, range " << offset << " + " << length;
    }
    ASSERT_LE(chunks.end.value, manifest.chunk_count());
  }
}

}  // namespace
}  // namespace rgtp
