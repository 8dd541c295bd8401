#include "packet/wire.h"

#include <gtest/gtest.h>

#include "support/bytes.h"
#include "support/datagrams.h"
#include "support/pattern.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

using test::cookie_of;
using test::datagram_of;

SurfaceId some_id() {
  SurfaceId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::byte>(0xa0 + i);
  return id;
}

constexpr std::uint64_t some_pull_id = 0x8877665544332211;

const std::string id_hex = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";
const std::string pull_id_hex = "1122334455667788";

std::string repeated(std::string_view hex, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += hex;
  return text;
}

// What encode() alone writes: the check is still zero.
template <class Message>
std::string encoded_hex(const Message& message) {
  std::vector<std::byte> bytes(max_datagram_bytes, std::byte{0xee});
  bytes.resize(encode(message, bytes));
  return test::hex(bytes);
}

Hello some_hello() {
  return {.pull_id = some_pull_id,
          .timestamp = 0x04030201,
          .version_min = 1,
          .version_max = 3,
          .slice_capacity = 0x0592,
          .first_ask = 0x14131211,
          .slices_wanted = 16,
          .id = some_id(),
          .cookie = cookie_of(0xcc)};
}

ManifestAnswer some_manifest_answer() {
  ManifestAnswer answer{.pull_id = some_pull_id,
                        .timestamp = 0x04030201,
                        .service_delay = 0x0605,
                        .final_size_known = true,
                        .cookie_lifetime_ms = 120'000,
                        .published = 0x0a090807,
                        .final_size = 0x1817161514131211,
                        .cookie = cookie_of(0xcc)};
  answer.end_tag.fill(std::byte{0xee});
  answer.manifest.fill(std::byte{0x77});
  answer.tree_head.fill(std::byte{0x88});
  return answer;
}

PullRequest some_pull() {
  PullRequest pull{.pull_id = some_pull_id,
                   .timestamp = 0x04030201,
                   .first_ask = 0x14131211,
                   .slice_bytes = 0x0592,
                   .run_count = 2,
                   .id = some_id(),
                   .cookie = cookie_of(0xcc)};
  pull.runs[0] = {ChunkIndex{0x00010203}, 0x0405, 7};
  pull.runs[1] = {ChunkIndex{9}, 0, 1};
  return pull;
}

Poll some_poll() {
  return {.pull_id = some_pull_id,
          .timestamp = 0x04030201,
          .published = 0x00080706,
          .words = {0x2221, 0x0041},
          .rtt_us = 0x34333231,
          .id = some_id(),
          .cookie = cookie_of(0xcc)};
}

Announce some_announce() {
  Announce announce{.pull_id = some_pull_id,
                    .timestamp = 0x04030201,
                    .service_delay = 0x0605,
                    .final_size_known = true,
                    .published_from = 0x00080706,
                    .published_to = 0x00080707,
                    .final_size = 0x1817161514131211,
                    .words = {0x2221, 2}};
  announce.end_tag.fill(std::byte{0xee});
  announce.bitmap[0] = 0x4847464544434241;
  announce.bitmap[1] = 1;
  return announce;
}

Refuse some_refusal() {
  return {.pull_id = some_pull_id,
          .timestamp = 0x04030201,
          .reason = Refusal::slice_too_large,
          .version_min = 1,
          .version_max = 2,
          .value = 1200};
}

Refuse some_retry() {
  return {
      .pull_id = some_pull_id, .timestamp = 0x04030201, .reason = Refusal::retry, .cookie = cookie_of(0xcc)};
}

Data some_data() {
  return {.pull_id = some_pull_id,
          .ask = 0x14131211,
          .timestamp = 0x04030201,
          .chunk = ChunkIndex{0x24232221},
          .slice = 0x3231,
          .service_delay = 0x4241};
}

TEST(Wire, HelloHasTheseBytes) {
  EXPECT_EQ(encoded_hex(some_hello()),
            "52470101"
            "00000000" +
                pull_id_hex +
                "01020304"
                "01"
                "03"
                "9205"
                "11121314"
                "10000000" +
                id_hex + repeated("cc", 16) + repeated("00", 344));
}

TEST(Wire, ManifestHasTheseBytes) {
  EXPECT_EQ(encoded_hex(some_manifest_answer()),
            "52470102"
            "00000000" +
                pull_id_hex +
                "01020304"
                "0506"
                "0100"
                "c0d40100"
                "0708090a"
                "1112131415161718" +
                repeated("ee", 16) + repeated("cc", 16) + repeated("77", 304) + repeated("88", 32));
}

TEST(Wire, PullHasTheseBytes) {
  EXPECT_EQ(encoded_hex(some_pull()),
            "52470103"
            "00000000" +
                pull_id_hex +
                "01020304"
                "11121314"
                "9205"
                "0200"
                "00000000" +
                id_hex + repeated("cc", 16) +
                "03020100"
                "0504"
                "0700"
                "09000000"
                "0000"
                "0100");
}

TEST(Wire, DataHasTheseBytes) {
  EXPECT_EQ(encoded_hex(some_data()),
            "52470104"
            "00000000" +
                pull_id_hex +
                "11121314"
                "01020304"
                "21222324"
                "3132"
                "4142");
}

TEST(Wire, PollHasTheseBytes) {
  EXPECT_EQ(encoded_hex(some_poll()),
            "52470105"
            "00000000" +
                pull_id_hex +
                "01020304"
                "06070800"
                "2122"
                "4100"
                "31323334" +
                id_hex + repeated("cc", 16));
}

TEST(Wire, AnnounceHasTheseBytes) {
  EXPECT_EQ(encoded_hex(some_announce()),
            "52470106"
            "00000000" +
                pull_id_hex +
                "01020304"
                "0506"
                "0100"
                "06070800"
                "07070800"
                "1112131415161718" +
                repeated("ee", 16) +
                "2122"
                "0200"
                "00000000"
                "4142434445464748"
                "0100000000000000");
}

TEST(Wire, RefuseHasTheseBytes) {
  EXPECT_EQ(encoded_hex(some_refusal()),
            "52470107"
            "00000000" +
                pull_id_hex +
                "01020304"
                "06"
                "01"
                "02"
                "00"
                "b0040000"
                "00000000" +
                repeated("00", 16));
  EXPECT_EQ(encoded_hex(some_retry()),
            "52470107"
            "00000000" +
                pull_id_hex +
                "01020304"
                "08"
                "01"
                "01"
                "00"
                "00000000"
                "00000000" +
                repeated("cc", 16));
}

Advertise some_advertisement() {
  return {.size = 0x0102030405060708,
          .size_known = true,
          .port = 9000,
          .id = some_id(),
          .host = "h.x",
          .name = "ab"};
}

TEST(Wire, AdvertiseHasTheseBytes) {
  EXPECT_EQ(encoded_hex(some_advertisement()),
            "52470108"
            "00000000"
            "0000000000000000"
            "0807060504030201"
            "0300"
            "2823"
            "03"
            "02"
            "0000" +
                test::hex(some_id().bytes) + "682e78" + "6162");
}

TEST(Wire, AnAdvertisementThatCannotBeIsNotTaken) {
  const auto refuses = [](std::size_t at, unsigned value) {
    auto datagram = datagram_of(some_advertisement());
    datagram[at] = static_cast<std::byte>(value);
    return !parse_advertise(datagram);
  };
  EXPECT_TRUE(refuses(8, 1)) << "a pull id";
  EXPECT_TRUE(refuses(24, 7)) << "an unknown flag";
  EXPECT_TRUE(refuses(24, 1)) << "an id without its flag";
  EXPECT_TRUE(refuses(28, 0)) << "no host";
  EXPECT_TRUE(refuses(28, 4)) << "texts longer than the datagram";
  EXPECT_TRUE(refuses(29, 1)) << "a datagram longer than its texts";
  EXPECT_TRUE(refuses(30, 1)) << "filling";
  Advertise longest = some_advertisement();
  longest.host = std::string(max_host_bytes, 'h');
  longest.name = std::string(255, 'n');
  EXPECT_EQ(datagram_of(longest).size(), max_advertise_bytes);
  EXPECT_EQ(parse_advertise(datagram_of(longest)), longest);
  longest.id.reset();
  longest.size_known = false;
  longest.name.clear();
  EXPECT_EQ(parse_advertise(datagram_of(longest)), longest);
}

TEST(Wire, EveryTypeComesBackAsItWasSent) {
  EXPECT_EQ(parse_advertise(datagram_of(some_advertisement())), some_advertisement());
  EXPECT_EQ(parse_hello(datagram_of(some_hello())), some_hello());
  EXPECT_EQ(parse_manifest_answer(datagram_of(some_manifest_answer())), some_manifest_answer());
  EXPECT_EQ(parse_poll(datagram_of(some_poll())), some_poll());
  EXPECT_EQ(parse_announce(datagram_of(some_announce())), some_announce());
  EXPECT_EQ(parse_refuse(datagram_of(some_refusal())), some_refusal());
  EXPECT_EQ(parse_refuse(datagram_of(some_retry())), some_retry());
  EXPECT_EQ(parse_data(test::data_datagram(some_data(), test::pattern(1))), some_data());
  const auto pull = parse_pull(datagram_of(some_pull()));
  ASSERT_TRUE(pull);
  EXPECT_EQ(encoded_hex(*pull), encoded_hex(some_pull()));
  EXPECT_EQ(pull->slices(), 8U);
  EXPECT_TRUE(std::ranges::equal(pull->asked(), some_pull().asked()));
}

TEST(Wire, ManifestWithoutAFinalSizeComesBackAsItWasSent) {
  ManifestAnswer answer = some_manifest_answer();
  answer.final_size_known = false;
  answer.final_size = 0;
  answer.end_tag = {};
  EXPECT_EQ(parse_manifest_answer(datagram_of(answer)), answer);
}

TEST(Wire, TheLongestPullFitsIntoTheLeastPacket) {
  PullRequest pull = some_pull();
  pull.run_count = max_runs;
  pull.slice_bytes = 900;
  for (std::uint32_t i = 0; i < max_runs; ++i) pull.runs[i] = {ChunkIndex{i}, 0, 1};
  const auto bytes = datagram_of(pull);
  // All IPv4 hosts take packets of 576 bytes, headers of 20 and 8 included; all IPv6 links 1,280, with 40
  // and 8.
  EXPECT_LE(bytes.size() + 20 + 8, 576U);
  EXPECT_LE(bytes.size() + 40 + 8, 1280U);
  EXPECT_EQ(bytes.size(), header_bytes + min_slice_bytes);
  const auto parsed = parse_pull(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->slices(), 60U);
}

TEST(Wire, AnAnnounceHasAsManyWordsAsItsLengthAllows) {
  EXPECT_EQ(announce_words_in(0), 1U);
  EXPECT_EQ(announce_words_in(72), 1U);
  EXPECT_EQ(announce_words_in(79), 1U);
  EXPECT_EQ(announce_words_in(80), 2U);
  EXPECT_EQ(announce_words_in(header_bytes + min_slice_bytes), 60U);
  EXPECT_EQ(announce_words_in(1200), 142U);
  EXPECT_EQ(announce_words_in(9000), 142U);
  Announce longest{.words = {0, 142}};
  longest.bitmap.fill(5);
  EXPECT_EQ(datagram_of(longest).size(), 1200U);
  EXPECT_EQ(parse_announce(datagram_of(longest)), longest);
}

TEST(Wire, NoAnswerToAStrangerIsLongerThanItsRequest) {
  EXPECT_LE(datagram_of(some_manifest_answer()).size(), datagram_of(some_hello()).size());
  EXPECT_LE(datagram_of(some_refusal()).size(), datagram_of(some_hello()).size());
  PullRequest shortest = some_pull();
  shortest.run_count = 1;
  EXPECT_LE(datagram_of(some_refusal()).size(), datagram_of(shortest).size());
  EXPECT_LE(datagram_of(some_refusal()).size(), datagram_of(some_poll()).size());
}

TEST(Wire, AllTypesAgreeOnThePrefix) {
  const auto expect_prefix = [](std::span<const std::byte> datagram, unsigned type) {
    const auto prefix = parse_prefix(datagram);
    ASSERT_TRUE(prefix);
    EXPECT_EQ(prefix->version, 1);
    EXPECT_EQ(prefix->type, type);
    EXPECT_EQ(prefix->pull_id, some_pull_id);
  };
  expect_prefix(datagram_of(some_hello()), 1);
  expect_prefix(datagram_of(some_manifest_answer()), 2);
  expect_prefix(datagram_of(some_pull()), 3);
  expect_prefix(test::data_datagram(some_data(), test::pattern(1)), 4);
  expect_prefix(datagram_of(some_poll()), 5);
  expect_prefix(datagram_of(some_announce()), 6);
  expect_prefix(datagram_of(some_refusal()), 7);
}

TEST(Wire, PrefixNeedsAHeaderAndTheMagicNumber) {
  std::vector<std::byte> bytes = datagram_of(some_hello());
  EXPECT_TRUE(parse_prefix(std::span(bytes).first(32)));
  EXPECT_FALSE(parse_prefix(std::span(bytes).first(31)));
  EXPECT_FALSE(parse_prefix({}));
  bytes.resize(max_datagram_bytes);
  EXPECT_TRUE(parse_prefix(bytes));
  bytes.resize(max_datagram_bytes + 1);
  EXPECT_FALSE(parse_prefix(bytes));
  bytes.resize(hello_bytes);
  bytes[1] ^= std::byte{1};
  EXPECT_FALSE(parse_prefix(bytes));
}

// A change of the check would make versions of this library deaf to each other without a word.
TEST(Wire, TheCheckIsThisNumber) {
  const auto bytes = test::data_datagram(some_data(), test::bytes_of("payload"));
  EXPECT_EQ(test::hex(std::span(bytes).subspan(4, 4)), "cf5513ba");
}

TEST(Wire, HeaderAndPayloadApartHaveTheCheckOfBothTogether) {
  const auto whole = test::data_datagram(some_data(), test::pattern(1000));
  std::array<std::byte, header_bytes> header;
  encode(some_data(), header);
  seal_datagram(header, test::pattern(1000));
  EXPECT_TRUE(std::equal(header.begin(), header.end(), whole.begin()));
}

TEST(Wire, ServiceDelayCountsTensOfMicrosecondsAndSaturates) {
  EXPECT_EQ(encode_service_delay(0us), 0);
  EXPECT_EQ(encode_service_delay(9us), 0);
  EXPECT_EQ(encode_service_delay(10us), 1);
  EXPECT_EQ(encode_service_delay(-5ms), 0);
  EXPECT_EQ(encode_service_delay(655'350us), 65535);
  EXPECT_EQ(encode_service_delay(10s), 65535);
  EXPECT_EQ(decode_service_delay(123), 1230us);
}

TEST(Wire, TimestampsTellElapsedTimeAcrossTheirWrapping) {
  const TimePoint before_wrap{std::chrono::microseconds(0xffff'fff0)};
  EXPECT_EQ(encode_timestamp(before_wrap), 0xffff'fff0U);
  EXPECT_EQ(elapsed_since(encode_timestamp(before_wrap), before_wrap + 100us), 100us);
  EXPECT_EQ(elapsed_since(encode_timestamp(before_wrap), before_wrap + 35min), 35min);
  EXPECT_LT(elapsed_since(encode_timestamp(before_wrap + 1ms), before_wrap), 0us);
}

}  // namespace
}  // namespace rgtp::packet
