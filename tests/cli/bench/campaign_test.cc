// A whole campaign, with this library's processes and with programs that are not what they should be.
#include "cli/bench/campaign.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "support/temporary_directory.h"

namespace rgtp::cli::bench {
namespace {

using testing::HasSubstr;

class CampaignTest : public testing::Test {
 protected:
  // Of shm and a pipe, whose program is a shell script.
  Settings settings(const std::string& script) const {
    const std::filesystem::path program = directory_.path() / "stream_peer";
    std::ofstream(program) << "#!/bin/sh\n" << script << '\n';
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    return {.sweeps = {{.paths = {Path{}}, .sizes = {5'000}, .pullers = {1}}},
            .rounds = 2,
            .contenders = {find_contender("shm"), find_contender("pipe")},
            .peers = directory_.path(),
            .link_emulator = "",
            .patience = std::chrono::seconds(1)};
  }
  static inline const std::string offers = R"(echo '{"where": "here", "took_s": 0}')";
  static inline const std::string costs =
      R"(echo '{"cost": {"cpu_s": 0, "page_faults": 0, "switches": 0, "peak_bytes": 0}, "traffic": {"datagrams": 0, "again": 0}}')";

  const rgtp::test::TemporaryDirectory directory_;
  Signals signals_;
};

TEST_F(CampaignTest, TakesTurnsAndKeepsEveryRound) {
  Settings only_shm = settings("");
  only_shm.contenders.pop_back();
  Campaign campaign(only_shm, signals_, [](double) {});
  ASSERT_TRUE(campaign.run());
  ASSERT_EQ(campaign.measured().size(), 2U) << "cold and warm";
  for (const Measured& one : campaign.measured()) {
    EXPECT_EQ(one.rounds.size(), 2U);
    EXPECT_EQ(included_in(one.of), one.of.state == State::cold ? "open, map, find the mapping, hash in place"
                                                               : "find the mapping, hash in place");
  }
}

TEST_F(CampaignTest, MeasuresACaseOfTwoSweepsOnce) {
  Settings twice = settings("");
  twice.contenders.pop_back();
  twice.sweeps.push_back(twice.sweeps.front());
  Campaign campaign(twice, signals_, [](double) {});
  ASSERT_TRUE(campaign.run());
  ASSERT_EQ(campaign.measured().size(), 2U);
  EXPECT_EQ(campaign.measured().front().rounds.size(), 2U);
}

TEST_F(CampaignTest, GoesOnWithoutAPeerThatAnswersNoLonger) {
  // It offers, tells its cost, and never brings a byte.
  Campaign campaign(settings("if [ $1 = pull ]; then exec sleep 60; fi; read -r a; " + offers +
                             "; while read -r a; do " + costs + "; done"),
                    signals_, [](double) {});
  const auto done = campaign.run();
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(campaign.measured().size(), 2U) << "of shm";
  ASSERT_EQ(campaign.skipped().size(), 1U);
  EXPECT_EQ(campaign.skipped().front().what, "pipe over loopback");
  EXPECT_THAT(campaign.skipped().front().why, HasSubstr("no answer within"));
}

TEST_F(CampaignTest, EndsWhereAPeerBringsOtherBytes) {
  Campaign campaign(
      settings(
          R"(if [ $1 = pull ]; then read -r a; echo '{"corrupted": "other bytes"}'; exit; fi; read -r a; )" +
          offers + "; while read -r a; do " + costs + "; done"),
      signals_, [](double) {});
  const auto done = campaign.run();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text, "pipe over loopback: other bytes");
}

TEST_F(CampaignTest, GoesOnWithoutAPeerThatFailsOrDies) {
  for (const char* failing :
       {"exit 1", R"(read -r a; echo '{"error": "no room"}')", "read -r a; echo hello"}) {
    Campaign campaign(settings(failing), signals_, [](double) {});
    const auto done = campaign.run();
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(campaign.measured().size(), 2U) << "of shm";
    ASSERT_EQ(campaign.skipped().size(), 1U);
    EXPECT_EQ(campaign.skipped().front().what, "pipe");
    EXPECT_FALSE(campaign.skipped().front().why.empty());
  }
}

TEST_F(CampaignTest, SkipsAPathThatCannotBeHere) {
  Settings linked = settings("");
  linked.sweeps = {
      {.paths = {{.kind = Path::Kind::emulated, .rate_bits_per_s = 1e6}}, .sizes = {5'000}, .pullers = {1}}};
  Campaign campaign(linked, signals_, [](double) {});
  ASSERT_TRUE(campaign.run());
  EXPECT_TRUE(campaign.measured().empty());
  ASSERT_EQ(campaign.skipped().size(), 1U);
  EXPECT_FALSE(campaign.skipped().front().why.empty()) << "neither without root nor without an emulator";
}

}  // namespace
}  // namespace rgtp::cli::bench
