// What is not exactly a datagram of ours is dropped.
#include <functional>

#include <gtest/gtest.h>

#include "packet/wire.h"
#include "support/datagrams.h"
#include "support/pattern.h"

namespace rgtp::packet {
namespace {

using Bytes = std::vector<std::byte>;
using Runs = std::vector<Run>;

bool hello_parses(std::span<const std::byte> bytes) { return parse_hello(bytes).has_value(); }
bool manifest_parses(std::span<const std::byte> bytes) { return parse_manifest_answer(bytes).has_value(); }
bool pull_parses(std::span<const std::byte> bytes) { return parse_pull(bytes).has_value(); }
bool data_parses(std::span<const std::byte> bytes) { return parse_data(bytes).has_value(); }
bool poll_parses(std::span<const std::byte> bytes) { return parse_poll(bytes).has_value(); }
bool announce_parses(std::span<const std::byte> bytes) { return parse_announce(bytes).has_value(); }
bool refuse_parses(std::span<const std::byte> bytes) { return parse_refuse(bytes).has_value(); }

struct Kind {
  const char* name;
  Bytes valid;
  bool (*parses)(std::span<const std::byte>);
  std::vector<std::size_t> reserved;  // bytes that are zero
};

PullRequest pull_of(std::uint16_t slice_bytes, const Runs& runs) {
  PullRequest pull{.pull_id = 5, .slice_bytes = slice_bytes, .id = SurfaceId::random()};
  pull.run_count = static_cast<std::uint16_t>(runs.size());
  std::ranges::copy(runs, pull.runs.begin());
  return pull;
}

std::vector<std::size_t> numbers(std::size_t from, std::size_t end) {
  std::vector<std::size_t> all;
  for (; from < end; ++from) all.push_back(from);
  return all;
}

std::vector<Kind> kinds() {
  const Hello hello{.pull_id = 5, .slice_capacity = 1440, .id = SurfaceId::random()};
  ManifestAnswer answer{.pull_id = 5};
  core::encode_manifest(test::manifest_of(100'000), answer.manifest);
  Announce announce{.pull_id = 5, .published_from = 1, .published_to = 3, .words = {3, 2}};
  announce.bitmap[0] = 0x123456789abcdef0;
  return {
      {"HELLO", test::datagram_of(hello), hello_parses, numbers(64, hello_bytes)},
      {"MANIFEST", test::datagram_of(answer), manifest_parses, {23}},
      {"PULL", test::datagram_of(pull_of(1000, {{ChunkIndex{1}, 2, 3}})), pull_parses, numbers(28, 32)},
      {"POLL",
       test::datagram_of(Poll{.pull_id = 5, .words = {3, 4}, .id = SurfaceId::random()}),
       poll_parses,
       {}},
      {"ANNOUNCE", test::datagram_of(announce), announce_parses, {23, 60, 61, 62, 63}},
      {"REFUSE", test::datagram_of(Refuse{.pull_id = 5}), refuse_parses, {23, 28, 29, 30, 31}},
      {"DATA", test::data_datagram({.pull_id = 5}, test::pattern(1200)), data_parses, {}},
  };
}

class WireDamage : public testing::TestWithParam<Kind> {};

TEST_P(WireDamage, IsNotThereToBeginWith) {
  EXPECT_TRUE(GetParam().parses(GetParam().valid));
  EXPECT_TRUE(check_matches(GetParam().valid));
}

TEST_P(WireDamage, OfAnySingleBitIsSeen) {
  Bytes bytes = GetParam().valid;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const std::byte flip{static_cast<unsigned char>(1U << (bit % 8))};
    bytes[bit / 8] ^= flip;
    EXPECT_FALSE(check_matches(bytes)) << "bit " << bit;
    bytes[bit / 8] ^= flip;
  }
}

TEST_P(WireDamage, BySwappedNeighboursIsSeen) {
  Bytes bytes = GetParam().valid;
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    if (bytes[i] == bytes[i + 1]) continue;
    std::swap(bytes[i], bytes[i + 1]);
    EXPECT_FALSE(check_matches(bytes)) << "bytes " << i << " and its neighbour changed places";
    std::swap(bytes[i], bytes[i + 1]);
  }
}

TEST_P(WireDamage, ByTruncationIsSeen) {
  const Bytes& valid = GetParam().valid;
  for (std::size_t length = 0; length < valid.size(); ++length) {
    const Bytes shorter(valid.begin(), valid.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_FALSE(check_matches(shorter) && GetParam().parses(shorter)) << length;
    // Slices have any length: of DATA it is the puller that knows what it asked for.
    if (GetParam().parses != data_parses) {
      EXPECT_FALSE(GetParam().parses(shorter)) << length;
    }
  }
}

TEST_P(WireDamage, ByExtensionIsSeen) {
  for (const std::size_t more : {1, 2, 7, 8, 16, 64, 512}) {
    Bytes longer = GetParam().valid;
    longer.resize(longer.size() + more);
    EXPECT_FALSE(check_matches(longer)) << more;
    if (GetParam().parses != data_parses) {
      EXPECT_FALSE(GetParam().parses(longer)) << more;
    }
  }
}

TEST_P(WireDamage, OfReservedBitsIsSeenWhateverTheCheckSays) {
  for (const std::size_t offset : GetParam().reserved)
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes bytes = GetParam().valid;
      bytes[offset] |= std::byte{static_cast<unsigned char>(1U << bit)};
      seal_datagram(bytes);
      EXPECT_FALSE(GetParam().parses(bytes)) << "byte " << offset << ", bit " << bit;
    }
}

TEST_P(WireDamage, OfTypeOrVersionIsSeenWhateverTheCheckSays) {
  for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}})
    for (unsigned value = 0; value < 256; ++value) {
      Bytes bytes = GetParam().valid;
      if (bytes[offset] == std::byte(value)) continue;
      bytes[offset] = std::byte(value);
      seal_datagram(bytes);
      EXPECT_FALSE(GetParam().parses(bytes)) << "byte " << offset << ", value " << value;
    }
}

TEST_P(WireDamage, IsNotMistakenForAnotherType) {
  for (const Kind& other : kinds())
    if (other.name != std::string_view(GetParam().name)) {
      EXPECT_FALSE(other.parses(GetParam().valid)) << other.name;
    }
}

INSTANTIATE_TEST_SUITE_P(Types, WireDamage, testing::ValuesIn(kinds()),
                         [](const auto& kind) { return std::string(kind.param.name); });

TEST(WireLimits, ManifestHasOneFlag) {
  Bytes bytes = kinds()[1].valid;
  for (unsigned bit = 1; bit < 8; ++bit) {
    Bytes flagged = bytes;
    flagged[22] |= std::byte{static_cast<unsigned char>(1U << bit)};
    seal_datagram(flagged);
    EXPECT_FALSE(parse_manifest_answer(flagged)) << bit;
  }
}

TEST(WireLimits, ManifestHasAFinalSizeAndItsTagOnlyWhereItIsKnown) {
  const auto parses = [](bool known, std::uint64_t size, unsigned tag) {
    ManifestAnswer answer{.final_size_known = known, .final_size = size};
    answer.end_tag.back() = std::byte(tag);
    return manifest_parses(test::datagram_of(answer));
  };
  EXPECT_TRUE(parses(true, 5, 1));
  EXPECT_TRUE(parses(true, 0, 0));
  EXPECT_TRUE(parses(false, 0, 0));
  EXPECT_FALSE(parses(false, 5, 0));
  EXPECT_FALSE(parses(false, 0, 1));
}

TEST(WireLimits, AnnounceHasTwoFlags) {
  for (unsigned bit = 0; bit < 8; ++bit) {
    Bytes flagged = test::datagram_of(Announce{.words = {0, 1}});
    flagged[22] |= std::byte{static_cast<unsigned char>(1U << bit)};
    seal_datagram(flagged);
    EXPECT_EQ(announce_parses(flagged), bit <= 1) << bit;
  }
}

TEST(WireLimits, AnnounceHasAFinalSizeAndItsTagOnlyWhereItIsKnown) {
  const auto parses = [](bool known, std::uint64_t size, unsigned tag) {
    Announce announce{.final_size_known = known, .final_size = size, .words = {0, 1}};
    announce.end_tag.back() = std::byte(tag);
    return announce_parses(test::datagram_of(announce));
  };
  EXPECT_TRUE(parses(true, 5, 1));
  EXPECT_TRUE(parses(true, 0, 0));
  EXPECT_TRUE(parses(false, 0, 0));
  EXPECT_FALSE(parses(false, 5, 0));
  EXPECT_FALSE(parses(false, 0, 1));
}

TEST(WireLimits, AnnounceCountsUpwardsAndNoMoreThanASurfaceHas) {
  const auto parses = [](std::uint32_t from, std::uint32_t to) {
    return announce_parses(
        test::datagram_of(Announce{.published_from = from, .published_to = to, .words = {0, 1}}));
  };
  EXPECT_TRUE(parses(0, 0));
  EXPECT_TRUE(parses(7, 7));
  EXPECT_FALSE(parses(8, 7));
  EXPECT_TRUE(parses(0, Manifest::max_chunks));
  EXPECT_FALSE(parses(0, Manifest::max_chunks + 1));
}

TEST(WireLimits, PollKnowsNoMoreThanASurfaceHas) {
  const auto parses = [](std::uint32_t published) {
    return poll_parses(test::datagram_of(Poll{.published = published, .words = {0, 1}, .id = {}}));
  };
  EXPECT_TRUE(parses(Manifest::max_chunks));
  EXPECT_FALSE(parses(Manifest::max_chunks + 1));
}

TEST(WireLimits, WordsAreThoseThatASurfaceHasAndOneAnnounceCarries) {
  for (const auto& [first, count, right] : {std::tuple{0, 0, false},
                                            {0, 1, true},
                                            {0, 142, true},
                                            {0, 143, false},
                                            {16'383, 1, true},
                                            {16'383, 2, false},
                                            {16'384, 1, false},
                                            {16'242, 142, true},
                                            {16'243, 142, false},
                                            {65'535, 1, false}}) {
    const WordRange words{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(count)};
    EXPECT_EQ(poll_parses(test::datagram_of(Poll{.words = words, .id = {}})), right) << first;
    if (count <= 142) {
      EXPECT_EQ(announce_parses(test::datagram_of(Announce{.words = words})), right) << first;
    }
  }
}

TEST(WireLimits, AnnounceHasAsManyWordsAsItSays) {
  Bytes bytes = test::datagram_of(Announce{.words = {0, 3}});
  for (unsigned said = 0; said < 256; ++said) {
    bytes[58] = std::byte(said);
    seal_datagram(bytes);
    EXPECT_EQ(announce_parses(bytes), said == 3) << said;
  }
}

TEST(WireLimits, HelloNamesASliceLengthThatThereCanBe) {
  const auto parses = [](std::uint16_t capacity) {
    return hello_parses(test::datagram_of(Hello{.slice_capacity = capacity, .id = {}}));
  };
  EXPECT_FALSE(parses(0));
  EXPECT_FALSE(parses(511));
  EXPECT_TRUE(parses(512));
  EXPECT_TRUE(parses(8968));
  EXPECT_FALSE(parses(8969));
  EXPECT_FALSE(parses(65535));
}

TEST(WireLimits, HelloNamesAVersionRangeThatIsNotEmpty) {
  const auto parses = [](std::uint8_t min, std::uint8_t max) {
    return hello_parses(
        test::datagram_of(Hello{.version_min = min, .version_max = max, .slice_capacity = 1000, .id = {}}));
  };
  EXPECT_TRUE(parses(1, 1));
  EXPECT_TRUE(parses(2, 9));
  EXPECT_FALSE(parses(2, 1));
}

TEST(WireLimits, PullAsksForSixtyFourSlicesAtMost) {
  EXPECT_TRUE(pull_parses(test::datagram_of(pull_of(512, {{ChunkIndex{0}, 0, 64}}))));
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(512, {{ChunkIndex{0}, 0, 65}}))));
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(512, {{ChunkIndex{0}, 0, 64}, {ChunkIndex{1}, 0, 1}}))));
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(1, {{ChunkIndex{0}, 0, 65535}}))));
  // Counts that come to 64 in 32 bits too many.
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(1, Runs(max_runs, {ChunkIndex{0}, 0, 65535})))));
}

TEST(WireLimits, PullAsksForNoMoreThanOneSegmentedSend) {
  static_assert(max_train_bytes == 65'487 && max_train_slices == 64);
  // 64 x (991 + 32) = 65,472 and 64 x (992 + 32) = 65,536.
  EXPECT_TRUE(pull_parses(test::datagram_of(pull_of(991, {{ChunkIndex{0}, 0, 64}}))));
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(992, {{ChunkIndex{0}, 0, 64}}))));
  // 7 x 9,000 = 63,000 and 8 x 9,000 = 72,000.
  EXPECT_TRUE(pull_parses(test::datagram_of(pull_of(8968, {{ChunkIndex{0}, 0, 7}}))));
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(8968, {{ChunkIndex{0}, 0, 8}}))));
  // 16 x (4,060 + 32) = 65,472 and 16 x (4,061 + 32) = 65,488, one byte too many.
  EXPECT_TRUE(pull_parses(test::datagram_of(pull_of(4060, {{ChunkIndex{0}, 0, 16}}))));
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(4061, {{ChunkIndex{0}, 0, 16}}))));
  // 11 x (5,921 + 32) = 65,483 and 11 x (5,922 + 32) = 65,494.
  EXPECT_TRUE(pull_parses(test::datagram_of(pull_of(5921, {{ChunkIndex{0}, 0, 11}}))));
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(5922, {{ChunkIndex{0}, 0, 11}}))));
}

TEST(WireLimits, PullAsksForSlicesThatThereCanBe) {
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(0, {{ChunkIndex{0}, 0, 1}}))));
  EXPECT_TRUE(pull_parses(test::datagram_of(pull_of(1, {{ChunkIndex{0}, 0, 1}}))));
  EXPECT_TRUE(pull_parses(test::datagram_of(pull_of(8968, {{ChunkIndex{0}, 0, 1}}))));
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(8969, {{ChunkIndex{0}, 0, 1}}))));
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(1000, {{ChunkIndex{0}, 0, 0}}))));
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(1000, {{ChunkIndex{0}, 0, 1}, {ChunkIndex{1}, 0, 0}}))));
}

TEST(WireLimits, PullHasAsManyRunsAsItSays) {
  Bytes bytes = test::datagram_of(pull_of(1000, {{ChunkIndex{0}, 0, 1}, {ChunkIndex{1}, 0, 1}}));
  for (unsigned said = 0; said < 256; ++said) {
    bytes[26] = std::byte(said);
    seal_datagram(bytes);
    EXPECT_EQ(pull_parses(bytes), said == 2) << said;
  }
  EXPECT_FALSE(pull_parses(test::datagram_of(pull_of(1000, {}))));
  // One run too many, in a datagram long enough for them.
  Bytes many = test::datagram_of(pull_of(512, Runs(max_runs, {ChunkIndex{0}, 0, 1})));
  EXPECT_TRUE(pull_parses(many));
  many.resize(many.size() + run_bytes);
  many[26] = std::byte{max_runs + 1};
  many[many.size() - 2] = std::byte{1};
  seal_datagram(many);
  EXPECT_FALSE(pull_parses(many));
}

TEST(WireLimits, RefusalsHaveReasonsThatWeKnow) {
  for (unsigned reason = 0; reason < 256; ++reason) {
    Refuse refuse{.reason = static_cast<Refusal>(reason)};
    if (refuse.reason == Refusal::retry) refuse.cookie = test::cookie_of(1);
    EXPECT_EQ(refuse_parses(test::datagram_of(refuse)), reason >= 1 && reason <= 9) << reason;
  }
}

TEST(WireLimits, RefusalsHaveACookieForARetryAlone) {
  for (unsigned reason = 1; reason <= 9; ++reason) {
    Refuse refuse{.reason = static_cast<Refusal>(reason)};
    const bool retry = refuse.reason == Refusal::retry;
    EXPECT_EQ(refuse_parses(test::datagram_of(refuse)), !retry) << reason;
    refuse.cookie.back() = std::byte{1};
    EXPECT_EQ(refuse_parses(test::datagram_of(refuse)), retry) << reason;
  }
}

TEST(WireLimits, RefusalsNameAVersionRangeThatIsNotEmpty) {
  const auto parses = [](std::uint8_t min, std::uint8_t max) {
    return refuse_parses(test::datagram_of(Refuse{.version_min = min, .version_max = max}));
  };
  EXPECT_TRUE(parses(1, 1));
  EXPECT_TRUE(parses(2, 9));
  EXPECT_FALSE(parses(2, 1));
}

TEST(WireLimits, DataHasAPayloadAndTheLengthOfADatagram) {
  EXPECT_FALSE(data_parses(test::data_datagram({}, {})));
  EXPECT_TRUE(data_parses(test::data_datagram({}, test::pattern(1))));
  EXPECT_TRUE(data_parses(test::data_datagram({}, test::pattern(8968))));
  EXPECT_FALSE(data_parses(test::data_datagram({}, test::pattern(8969))));
}

}  // namespace
}  // namespace rgtp::packet
