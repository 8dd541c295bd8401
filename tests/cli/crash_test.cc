// One side is killed in the middle of a pull: the other side copes, and nothing that looks complete stays.
#include <csignal>

#include <gmock/gmock.h>

#include "cli/command_fixture.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Crash : public CommandTest {};

TEST_F(Crash, OfTheExposerEndsThePullWithinThreeSeconds) {
  write_zeros("in", big);
  const auto exposed = expose({"in"});
  const auto pull = start_slow_pull(exposed.locator, "out");
  exposed.process->send_signal(SIGKILL);
  EXPECT_EQ(exposed.process->wait(), -SIGKILL);
  EXPECT_EQ(pull->wait(3s), exit_code::exposer_ended) << pull->errors();
  EXPECT_THAT(pull->errors(), HasSubstr("rgtp: the exposer is gone"));
  EXPECT_THAT(names_in("."), ElementsAre("in"));
}

TEST_F(Crash, OfTheExposerEndsAPullToStdout) {
  write_zeros("in", big);
  const auto exposed = expose({"in"});
  const auto pull = start({"pull", exposed.locator, "-o", "-", "--route", "udp", "--rate", slow_rate});
  EXPECT_TRUE(pull->wait_for_output(1));
  exposed.process->send_signal(SIGKILL);
  EXPECT_EQ(exposed.process->wait(), -SIGKILL);
  EXPECT_EQ(pull->wait(3s), exit_code::exposer_ended) << pull->errors();
  EXPECT_LT(pull->output().size(), big);
}

TEST_F(Crash, OfAStoppedExposerEndsThePullWithinThreeSeconds) {
  write_zeros("in", big);
  const auto exposed = expose({"in"});
  const auto pull = start_slow_pull(exposed.locator, "out");
  exposed.process->send_signal(SIGSTOP);
  EXPECT_FALSE(pull->wait_for_error("rgtp: ", 500ms));
  exposed.process->send_signal(SIGKILL);
  EXPECT_EQ(exposed.process->wait(), -SIGKILL);
  EXPECT_EQ(pull->wait(3s), exit_code::exposer_ended) << pull->errors();
  EXPECT_THAT(names_in("."), ElementsAre("in"));
}

TEST_F(Crash, OfTheExposerBeforeItAnsweredIsAnExposerNotReached) {
  write_file("in", 1'000'000);
  const auto exposed = expose({"in"});
  exposed.process->send_signal(SIGSTOP);
  const auto pull = start({"pull", exposed.locator, "-o", "out", "--route", "udp"});
  EXPECT_FALSE(pull->wait_for_error("rgtp: ", 300ms));
  exposed.process->send_signal(SIGKILL);
  EXPECT_EQ(exposed.process->wait(), -SIGKILL);
  EXPECT_EQ(pull->wait(5s), exit_code::unreachable) << pull->errors();
  EXPECT_THAT(names_in("."), ElementsAre("in"));
}

TEST_F(Crash, OfAPullerDisturbsNobodyElse) {
  write_zeros("in", big);
  const auto exposed = expose({"in"});
  const auto killed = start_slow_pull(exposed.locator, "killed");
  const auto other = start_slow_pull(exposed.locator, "other");
  killed->send_signal(SIGKILL);
  EXPECT_EQ(killed->wait(), -SIGKILL);
  EXPECT_EQ(other->wait(), exit_code::ok) << other->errors();
  EXPECT_TRUE(same("in", "other"));
  EXPECT_THAT(names_in("."), ElementsAre("in", "other"));
  EXPECT_EQ(run({"pull", exposed.locator, "-o", "later"}).code, exit_code::ok);
  exposed.process->send_signal(SIGTERM);
  EXPECT_EQ(exposed.process->wait(), exit_code::ok);
  EXPECT_EQ(exposed.process->errors(), "");
}

TEST_F(Crash, OfManyPullersDisturbsNobodyElse) {
  write_zeros("in", big);
  const auto exposed = expose({"in"});
  for (int i = 0; i < 10; ++i) {
    const auto pull = start({"pull", exposed.locator, "-o", "-"});
    EXPECT_TRUE(pull->wait_for_output(1)) << pull->errors();
    pull->send_signal(SIGKILL);
    EXPECT_EQ(pull->wait(), -SIGKILL);
  }
  EXPECT_EQ(run({"pull", exposed.locator, "-o", "out"}).code, exit_code::ok);
  EXPECT_TRUE(same("in", "out"));
}

}  // namespace
}  // namespace rgtp::test
