#include "link/congestion_mark.h"

#include <array>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace rgtp::bench {

namespace {

constexpr unsigned not_ect = 0;
constexpr unsigned ect_1 = 1;
constexpr unsigned ect_0 = 2;
constexpr unsigned experienced = 3;

// RFC 1071, over the header as it stands: 0 for one whose checksum is right.
std::uint16_t sum_of(std::span<const std::byte> header) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < header.size(); i += 2)
    sum += std::to_integer<unsigned>(header[i]) << 8 | std::to_integer<unsigned>(header[i + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::vector<std::byte> ipv4_header(unsigned ecn, unsigned identification) {
  std::vector<std::byte> header(20);
  header[0] = std::byte{0x45};
  header[1] = static_cast<std::byte>(ecn);
  header[4] = static_cast<std::byte>(identification >> 8);
  header[5] = static_cast<std::byte>(identification & 0xff);
  header[8] = std::byte{64};
  header[9] = std::byte{17};
  const std::uint16_t checksum = sum_of(header);
  header[10] = static_cast<std::byte>(checksum >> 8);
  header[11] = static_cast<std::byte>(checksum & 0xff);
  return header;
}

}  // namespace

TEST(CongestionMark, KeepsTheChecksumOfEveryIpv4HeaderRight) {
  for (const unsigned ecn : {ect_0, ect_1, experienced})
    for (unsigned identification = 0; identification < 0x10000; identification += 7) {
      auto header = ipv4_header(ecn, identification);
      ASSERT_TRUE(mark_congestion(header));
      ASSERT_EQ(std::to_integer<unsigned>(header[1]), experienced);
      ASSERT_EQ(sum_of(header), 0) << "identification " << identification;
    }
}

TEST(CongestionMark, LeavesAPacketAloneWhoseSenderDoesNotUnderstandIt) {
  auto header = ipv4_header(not_ect, 1);
  const auto before = header;
  EXPECT_FALSE(mark_congestion(header));
  EXPECT_EQ(header, before);
}

TEST(CongestionMark, MarksIpv6WithoutTouchingTheRest) {
  std::vector<std::byte> header(40);
  header[0] = std::byte{0x6a};
  header[1] = std::byte{0xa7};  // ECT(0), and the first bits of the flow label
  EXPECT_TRUE(mark_congestion(header));
  EXPECT_EQ(header[0], std::byte{0x6a});
  EXPECT_EQ(header[1], std::byte{0xb7});
}

TEST(CongestionMark, IgnoresWhatIsNoIpPacket) {
  std::vector<std::byte> nothing;
  EXPECT_FALSE(mark_congestion(nothing));
  std::vector<std::byte> too_short(19, std::byte{0x47});
  EXPECT_FALSE(mark_congestion(too_short));
  std::vector<std::byte> other(60, std::byte{0x33});
  EXPECT_FALSE(mark_congestion(other));
}

}  // namespace rgtp::bench
