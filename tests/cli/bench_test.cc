// rgtp bench as its users see it.
#include <csignal>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "cli/command_fixture.h"

namespace rgtp::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

using Bench = CommandTest;

TEST_F(Bench, ShowsBothRoutesOfEveryCase) {
  const Ended ended = run({"bench", "--size", "4k,100k", "--pullers", "2", "--rounds", "1"});
  EXPECT_EQ(ended.code, exit_code::ok) << ended.errors;
  EXPECT_EQ(ended.errors, "");
  for (const char* word : {"How fast", "At what cost", "4 KiB", "100 KiB", "shm", "udp", "cold", "warm"})
    EXPECT_THAT(ended.output, HasSubstr(word));
}

TEST_F(Bench, TellsProgramsOfEveryRound) {
  const Ended ended = run({"bench", "--size", "64k", "--pullers", "1,3", "--rounds", "2", "--json"});
  ASSERT_EQ(ended.code, exit_code::ok) << ended.errors;
  const json report = json::parse(ended.output);
  EXPECT_EQ(report.at("schema"), "rgtp-bench/1");
  EXPECT_GT(report.at("machine").at("processors"), 0);
  ASSERT_EQ(report.at("cases").size(), 8U) << "two numbers of pullers, cold and warm, by two routes";
  for (const json& one : report.at("cases")) {
    ASSERT_EQ(one.at("rounds").size(), 2U);
    const bool is_warm = one.at("state") == "warm";
    for (const json& round : one.at("rounds")) {
      const std::size_t transfers = round.at("last_byte_s").size();
      EXPECT_EQ(transfers, one.at("pullers").get<std::size_t>() * (is_warm ? 500 : 1));
      EXPECT_EQ(round.at("bytes"), 65'536 * transfers);
      EXPECT_GT(round.at("bytes_per_s"), 0);
      EXPECT_EQ(round.at("datagrams") > 0, one.at("route") == "udp") << one.dump();
    }
  }
}

TEST_F(Bench, KeepsWhatWasFinishedWhereASignalEndsIt) {
  const auto bench = start({"bench", "--size", "4k", "--pullers", "1", "--rounds", "1000", "--json"},
                           {.errors = Stream::terminal});
  // Of so many rounds some are done then.
  ASSERT_TRUE(bench->wait_for_error(" 1 %")) << bench->errors();
  bench->send_signal(SIGINT);
  EXPECT_EQ(bench->wait(), exit_code::interrupted) << bench->errors();
  const json report = json::parse(bench->output());
  EXPECT_FALSE(report.at("cases").empty());
}

TEST_F(Bench, RefusesSizesAndPullersThatCannotBe) {
  for (const char* wrong : {"0", "5g", "none"})
    EXPECT_EQ(run({"bench", "--size", wrong}).code, exit_code::usage) << wrong;
  for (const char* wrong : {"0", "65", "-1"})
    EXPECT_EQ(run({"bench", "--pullers", wrong}).code, exit_code::usage) << wrong;
}

}  // namespace
}  // namespace rgtp::test
