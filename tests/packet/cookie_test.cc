#include "packet/cookie.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class CookieTest : public testing::Test {
 protected:
  const TimePoint epoch_ = test::start_time;  // where one begins
  const Address peer_ = test::address_of("192.0.2.1", 4000);
  const std::array<std::byte, 32> secret_{std::byte{1}};
  CookieJar jar_{secret_};
};

TEST_F(CookieTest, IsValidInItsEpochAndTheNext) {
  for (const Duration into : {0s, 30s, 59s}) {
    const Cookie cookie = jar_.make(peer_, epoch_ + into);
    EXPECT_TRUE(jar_.is_valid(cookie, peer_, epoch_ + into));
    EXPECT_TRUE(jar_.is_valid(cookie, peer_, epoch_ + 60s));
    EXPECT_TRUE(jar_.is_valid(cookie, peer_, epoch_ + 120s - 1ns));
    EXPECT_FALSE(jar_.is_valid(cookie, peer_, epoch_ + 120s));
    EXPECT_FALSE(jar_.is_valid(cookie, peer_, epoch_ - 1ns));
  }
}

TEST_F(CookieTest, LivesAsLongAsItSays) {
  for (const Duration into : {0s, 1s, 59s, 60s}) {
    const TimePoint made = epoch_ + into;
    const Cookie cookie = jar_.make(peer_, made);
    EXPECT_TRUE(jar_.is_valid(cookie, peer_, made + CookieJar::lifetime(made) - 1ns));
    EXPECT_FALSE(jar_.is_valid(cookie, peer_, made + CookieJar::lifetime(made)));
    EXPECT_GT(CookieJar::lifetime(made), 60s);
    EXPECT_LE(CookieJar::lifetime(made), 120s);
  }
}

TEST_F(CookieTest, IsTheSameWithinAnEpoch) {
  EXPECT_EQ(jar_.make(peer_, epoch_), jar_.make(peer_, epoch_ + 59s));
  EXPECT_NE(jar_.make(peer_, epoch_), jar_.make(peer_, epoch_ + 60s));
}

TEST_F(CookieTest, BelongsToAnAddressAndPort) {
  const Cookie cookie = jar_.make(peer_, epoch_);
  EXPECT_FALSE(jar_.is_valid(cookie, test::address_of("192.0.2.1", 4001), epoch_));
  EXPECT_FALSE(jar_.is_valid(cookie, test::address_of("192.0.2.1", 0xa00f), epoch_));
  EXPECT_FALSE(jar_.is_valid(cookie, test::address_of("192.0.2.2", 4000), epoch_));
  EXPECT_FALSE(jar_.is_valid(cookie, test::address_of("2001:db8::1", 4000), epoch_));
  for (std::size_t i = 0; i < peer_.ip.size(); ++i) {
    Address other = peer_;
    other.ip[i] ^= std::byte{1};
    EXPECT_FALSE(jar_.is_valid(cookie, other, epoch_)) << i;
  }
}

TEST_F(CookieTest, BelongsToASecret) {
  CookieJar other(std::array<std::byte, 32>{std::byte{2}});
  EXPECT_FALSE(other.is_valid(jar_.make(peer_, epoch_), peer_, epoch_));
}

TEST_F(CookieTest, IsRightInEveryBit) {
  Cookie cookie = jar_.make(peer_, epoch_);
  for (std::size_t bit = 0; bit < cookie.size() * 8; ++bit) {
    const std::byte flip{static_cast<unsigned char>(1U << (bit % 8))};
    cookie[bit / 8] ^= flip;
    EXPECT_FALSE(jar_.is_valid(cookie, peer_, epoch_));
    cookie[bit / 8] ^= flip;
  }
  EXPECT_FALSE(jar_.is_valid(Cookie{}, peer_, epoch_));
}

TEST_F(CookieTest, WorksInTheFirstEpochOfAll) {
  const Cookie cookie = jar_.make(peer_, TimePoint{});
  EXPECT_TRUE(jar_.is_valid(cookie, peer_, TimePoint{}));
  EXPECT_FALSE(jar_.is_valid(Cookie{}, peer_, TimePoint{}));
}

}  // namespace
}  // namespace rgtp::packet
