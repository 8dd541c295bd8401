#include "cli/bench/roles.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <rgtp/locator.h>

#include "core/descriptor.h"
#include "shm/segment_layout.h"

namespace rgtp::cli::bench {
namespace {

using nlohmann::json;

constexpr std::uint64_t size = 300'000;

class BenchRoles : public testing::Test {
 protected:
  std::string pull(const Offered& offered, const std::string& route, int times) const {
    return begin_puller()(json{
        {"pull", offered.locator},
        {"route", route},
        {"digest", offered.digest},
        {"times", times}}.dump());
  }
  // As another program of this user's could.
  static void flip_last_byte(const Offered& offered) {
    const auto id = Locator::parse(offered.locator)->id();
    const core::Descriptor segment(
        ::open(("/dev/shm/" + shm::segment_name(*id)).c_str(), O_RDWR | O_CLOEXEC));
    struct stat status = {};
    ASSERT_EQ(::fstat(segment.get(), &status), 0);
    char byte = 0;
    ASSERT_EQ(::pread(segment.get(), &byte, 1, status.st_size - 1), 1);
    byte ^= 1;
    ASSERT_EQ(::pwrite(segment.get(), &byte, 1, status.st_size - 1), 1);
  }

  const Party::Answer exposer_ = begin_exposer();
  const Offered offered_ = parse_offered(exposer_(json{{"expose", size}}.dump())).value();
};

TEST_F(BenchRoles, PullTheSameBytesByEitherRoute) {
  for (const char* route : {"shm", "udp"}) {
    const auto answer = parse_puller_answer(pull(offered_, route, 3));
    ASSERT_TRUE(answer) << route << ": " << answer.error().message();
    ASSERT_EQ(answer->transfers.size(), 3U);
    for (const Transfer& transfer : answer->transfers) {
      EXPECT_GT(transfer.first_byte_s, 0);
      EXPECT_GE(transfer.last_byte_s, transfer.first_byte_s);
    }
    EXPECT_GT(answer->cost.peak_bytes, 0U);
  }
  const auto exposer = parse_exposer_answer(exposer_(R"({"cost": true})"));
  ASSERT_TRUE(exposer);
  EXPECT_GT(exposer->datagrams, 3 * size / 65'536) << "of three pulls by packets";
}

TEST_F(BenchRoles, FailByEitherRouteWhereAByteIsAnother) {
  flip_last_byte(offered_);
  for (const char* route : {"shm", "udp"}) {
    const auto answer = parse_puller_answer(pull(offered_, route, 1));
    ASSERT_FALSE(answer) << route;
    EXPECT_FALSE(answer.error().text.empty());
  }
}

TEST_F(BenchRoles, FailWhereTheDigestIsNotTheConsumers) {
  const Offered other{offered_.locator, "0123456789abcdef"};
  for (const char* route : {"shm", "udp"}) {
    const auto answer = parse_puller_answer(pull(other, route, 1));
    ASSERT_FALSE(answer) << route;
    EXPECT_NE(answer.error().text.find("are not those that were exposed"), std::string::npos)
        << answer.error().text;
  }
}

}  // namespace
}  // namespace rgtp::cli::bench
