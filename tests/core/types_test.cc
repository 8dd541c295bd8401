#include <set>
#include <stdexcept>
#include <unordered_set>

#include <gtest/gtest.h>

#include <rgtp/types.h>

#include "support/bytes.h"

namespace rgtp {
namespace {

TEST(SurfaceId, IsWrittenAsLowerCaseHexDigits) {
  SurfaceId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::byte>(17 * i);
  EXPECT_EQ(id.to_hex(), "00112233445566778899aabbccddeeff");
  EXPECT_EQ(id.to_hex(), test::hex(id.bytes));
  EXPECT_EQ(SurfaceId::from_hex("00112233445566778899aabbccddeeff"), id);
  EXPECT_EQ(SurfaceId::from_hex("00112233445566778899AABBCCddEEff"), id);
}

TEST(SurfaceId, RefusesWhatIsNotThirtyTwoHexDigits) {
  const std::string good = "00112233445566778899aabbccddeeff";
  for (const std::string& text : {std::string(), good.substr(1), good + "0", "0x" + good.substr(2)}) {
    const auto id = SurfaceId::from_hex(text);
    ASSERT_FALSE(id) << text;
    EXPECT_EQ(id.error().code, Errc::malformed_locator);
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    // The characters next to the three runs of digits.
    for (const char c : {'/', ':', '@', 'G', '`', 'g', ' ', '\0', '\xff'}) {
      std::string text = good;
      text[i] = c;
      EXPECT_FALSE(SurfaceId::from_hex(text)) << i;
    }
  }
}

TEST(SurfaceId, IsDifferentEachTimeItIsDrawn) {
  std::set<SurfaceId> ids;
  std::unordered_set<SurfaceId> hashed;
  for (int i = 0; i < 1000; ++i) {
    const SurfaceId id = SurfaceId::random();
    ids.insert(id);
    hashed.insert(id);
    EXPECT_EQ(SurfaceId::from_hex(id.to_hex()), id);
  }
  EXPECT_EQ(ids.size(), 1000U);
  EXPECT_EQ(hashed.size(), 1000U);
}

TEST(ChunkRange, ContainsItsFirstAndNotItsEnd) {
  const ChunkRange range{ChunkIndex{3}, ChunkIndex{5}};
  EXPECT_EQ(range.size(), 2U);
  EXPECT_FALSE(range.contains(ChunkIndex{2}));
  EXPECT_TRUE(range.contains(ChunkIndex{3}));
  EXPECT_TRUE(range.contains(ChunkIndex{4}));
  EXPECT_FALSE(range.contains(ChunkIndex{5}));
}

TEST(ChunkRange, IsEmptyWhereItEndsBeforeItsFirst) {
  EXPECT_EQ((ChunkRange{ChunkIndex{5}, ChunkIndex{5}}).size(), 0U);
  EXPECT_EQ((ChunkRange{ChunkIndex{5}, ChunkIndex{3}}).size(), 0U);
  EXPECT_FALSE((ChunkRange{ChunkIndex{5}, ChunkIndex{3}}).contains(ChunkIndex{4}));
}

TEST(Error, ThrowsItsMessageWhereAValueIsAskedFor) {
  const Result<int> result = fail(Errc::denied, "ask for access");
  try {
    (void)result.value();
    FAIL() << "value() of an error came back";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "ask for access");
  }
}

TEST(Error, HasANameForEveryCode) {
  std::set<std::string_view> names;
  const int last = static_cast<int>(Errc::would_deadlock);
  for (int code = 1; code <= last; ++code) {
    const auto name = to_string(static_cast<Errc>(code));
    EXPECT_NE(name, "unknown") << code;
    names.insert(name);
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(last));
  EXPECT_EQ(to_string(Errc::source_changed), "source_changed");
  EXPECT_EQ(to_string(static_cast<Errc>(0)), "unknown");
}

}  // namespace
}  // namespace rgtp
