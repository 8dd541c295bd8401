#include "core/bytes.h"

#include <array>

#include <gtest/gtest.h>

#include "support/bytes.h"

namespace rgtp::core {
namespace {

using test::hex;

TEST(ByteWriter, WritesNumbersLittleEndianOneBehindTheOther) {
  std::array<std::byte, 15> out{};
  ByteWriter writer(out);
  writer.put(std::uint8_t{0x01});
  writer.put(std::uint16_t{0x0203});
  writer.put(std::uint32_t{0x04050607});
  writer.put(std::uint64_t{0x08090a0b0c0d0e0f});
  EXPECT_EQ(writer.used(), 15U);
  EXPECT_EQ(hex(out), "010302070605040f0e0d0c0b0a0908");
}

TEST(ByteWriter, WritesBytesAndZerosAndTouchesNothingBehindThem) {
  std::array<std::byte, 8> out;
  out.fill(std::byte{0xee});
  ByteWriter writer(out);
  writer.put_bytes(as_bytes("ab"));
  writer.put_bytes({});
  writer.put_zeros(3);
  writer.put_zeros(0);
  EXPECT_EQ(writer.used(), 5U);
  EXPECT_EQ(hex(out), "6162000000eeeeee");
}

TEST(ByteReader, ReadsWhatAWriterWrote) {
  std::array<std::byte, 20> bytes{};
  ByteWriter writer(bytes);
  writer.put(std::uint32_t{0xdeadbeef});
  writer.put(std::uint64_t{0xffffffffffffffff});
  writer.put_bytes(as_bytes("name"));
  writer.put(std::uint16_t{513});
  writer.put_zeros(2);

  ByteReader reader(bytes);
  EXPECT_EQ(reader.get<std::uint32_t>(), 0xdeadbeef);
  EXPECT_EQ(reader.get<std::uint64_t>(), 0xffffffffffffffff);
  EXPECT_EQ(hex(reader.get_bytes(4)), "6e616d65");
  EXPECT_EQ(reader.left(), 4U);
  EXPECT_EQ(reader.get<std::uint16_t>(), 513);
  reader.expect_zeros(2);
  EXPECT_EQ(reader.left(), 0U);
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, IsNeverOkAgainBehindTheEnd) {
  const auto bytes = test::bytes_of("\x01\x02\x03");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.get<std::uint32_t>(), 0U);
  EXPECT_FALSE(reader.ok());
  // What is left is not handed out in pieces after a field that did not fit.
  EXPECT_EQ(reader.left(), 0U);
  EXPECT_EQ(reader.get<std::uint8_t>(), 0U);
  EXPECT_TRUE(reader.get_bytes(0).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, ReadsUpToTheVeryEnd) {
  const auto bytes = test::bytes_of("\x01\x02");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.get<std::uint16_t>(), 0x0201);
  EXPECT_TRUE(reader.get_bytes(0).empty());
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.get_bytes(1).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, GivesZerosBehindTheEndIntoBytesThatWereSet) {
  const auto bytes = test::bytes_of("abc");
  std::array<std::byte, 4> out;
  out.fill(std::byte{0xee});
  ByteReader reader(bytes);
  reader.get_into(out);
  EXPECT_EQ(hex(out), "00000000");
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, ExpectsEveryByteToBeZero) {
  for (std::size_t set = 0; set < 3; ++set) {
    std::array<std::byte, 4> bytes{};
    bytes[set] = std::byte{0x80};
    ByteReader reader(bytes);
    reader.expect_zeros(3);
    EXPECT_FALSE(reader.ok()) << set;
  }
  const std::array<std::byte, 4> bytes{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
  ByteReader reader(bytes);
  reader.expect_zeros(3);
  EXPECT_TRUE(reader.ok());
  ByteReader beyond{std::span(bytes).first(3)};
  beyond.expect_zeros(4);
  EXPECT_FALSE(beyond.ok());
}

}  // namespace
}  // namespace rgtp::core
