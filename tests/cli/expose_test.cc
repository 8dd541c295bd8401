// `rgtp expose`: what it prints, where it can be reached, how it ends.
#include <csignal>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <unistd.h>

#include "cli/command_fixture.h"
#include "support/groups.h"
#include "support/ipv6.h"

namespace rgtp::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Expose : public CommandTest {
 protected:
  void expect_pull(const std::string& locator) const {
    const Ended pull = run({"pull", locator, "-o", "out"});
    EXPECT_EQ(pull.code, exit_code::ok) << locator << ": " << pull.errors;
    EXPECT_TRUE(same("in", "out")) << locator;
  }
};

// ":PORT/ID" of rgtp://HOST:PORT/ID
std::string port_and_id(const std::string& locator) { return locator.substr(locator.rfind(':')); }

TEST_F(Expose, PrintsALocatorALineAndNothingElse) {
  const Arguments files = {"a", "b", "c"};
  for (const auto& file : files) write_file(file, 100'000, static_cast<std::uint64_t>(file[0]));
  const auto exposer = start({"expose", "a", "b", "c"});
  for (const auto& file : files) {
    const auto locator = exposer->read_line();
    ASSERT_TRUE(locator) << exposer->errors();
    EXPECT_THAT(*locator, ContainsRegex("^rgtp://127\\.0\\.0\\.1:[0-9]+/[0-9a-f]+$"));
    EXPECT_EQ(run({"pull", *locator, "-o", "out"}).code, exit_code::ok);
    EXPECT_TRUE(same(file, "out"));
  }
  const auto printed = exposer->output();
  exposer->send_signal(SIGINT);
  EXPECT_EQ(exposer->wait(), exit_code::ok);
  EXPECT_EQ(exposer->output(), printed);
  EXPECT_EQ(exposer->errors(), "");
}

TEST_F(Expose, PrintsEachLocatorAtOnce) {
  write_file("small", 1000);
  write_zeros("large", 8 * big);
  const auto exposer = start({"expose", "small", "large"});
  const auto locator = exposer->read_line();
  ASSERT_TRUE(locator);
  const Ended pull = run({"pull", *locator, "-o", "out"});
  EXPECT_EQ(pull.code, exit_code::ok) << pull.errors;
  EXPECT_TRUE(same("small", "out"));
}

TEST_F(Expose, EndsWellBySigintAndSigterm) {
  write_file("in", 1000);
  for (const int number : {SIGINT, SIGTERM}) {
    const auto exposed = expose({"in"});
    exposed.process->send_signal(number);
    EXPECT_EQ(exposed.process->wait(), exit_code::ok);
    EXPECT_EQ(exposed.process->errors(), "");
  }
}

TEST_F(Expose, EndsWellBySighupButUnderNohup) {
  write_file("in", 1000);
  const auto expose_with = [&](void (*on_hangup)(int)) {
    auto exposer =
        start({"expose", "in"}, {.prepare = [=] { return std::signal(SIGHUP, on_hangup) != SIG_ERR; }});
    EXPECT_TRUE(exposer->read_line());
    exposer->send_signal(SIGHUP);
    return exposer;
  };
  EXPECT_EQ(expose_with(SIG_DFL)->wait(), exit_code::ok);
  const auto exposer = expose_with(SIG_IGN);
  EXPECT_EQ(exposer->wait(std::chrono::milliseconds(500)), -SIGKILL) << "it goes on until it is killed";
}

TEST_F(Expose, EndsWellBeforeEverythingIsTagged) {
  write_zeros("large", 64 * big);
  const auto exposer = start({"expose", "large"});
  EXPECT_FALSE(exposer->read_line(std::chrono::milliseconds(200)));
  exposer->send_signal(SIGINT);
  EXPECT_EQ(exposer->wait(std::chrono::seconds(5)), exit_code::ok);
  EXPECT_EQ(exposer->output(), "");
}

TEST_F(Expose, EndsThePullsUnderWay) {
  write_zeros("in", big);
  for (const int number : {SIGHUP, SIGINT, SIGTERM}) {
    const auto exposed = expose({"in"});
    const auto pull = start_slow_pull(exposed.locator, "out");
    exposed.process->send_signal(number);
    EXPECT_EQ(exposed.process->wait(), exit_code::ok);
    EXPECT_EQ(pull->wait(std::chrono::seconds(5)), exit_code::exposer_ended) << pull->errors();
    EXPECT_THAT(pull->errors(), HasSubstr("rgtp: the exposer "));
    EXPECT_THAT(names_in("."), ::testing::ElementsAre("in"));
  }
}

TEST_F(Expose, CountsUnderVerbose) {
  write_file("in", 100'000);
  const auto exposed = expose({"in", "--route", "udp", "--verbose"});
  expect_pull(exposed.locator);
  exposed.process->send_signal(SIGTERM);
  EXPECT_EQ(exposed.process->wait(), exit_code::ok);
  EXPECT_THAT(exposed.process->errors(), ContainsRegex("in: [1-9][0-9]* requests, [1-9][0-9]* datagrams"));
}

TEST_F(Expose, BindsThePortThatItIsTold) {
  write_file("in", 1000);
  std::string port;
  {
    const auto exposed = expose({"in"});
    port = port_and_id(exposed.locator);
    port = port.substr(1, port.find('/') - 1);
  }
  const auto exposed = expose({"in", "--bind", "127.0.0.1:" + port});
  EXPECT_THAT(exposed.locator, StartsWith("rgtp://127.0.0.1:" + port + "/"));
  expect_pull(exposed.locator);
}

TEST_F(Expose, IsReachedOverIpv6) {
  if (!has_ipv6()) GTEST_SKIP() << "this host has no ::1";
  write_file("in", 1'000'000);
  const auto exposed = expose({"in", "--bind", "[::1]:0"});
  EXPECT_THAT(exposed.locator, StartsWith("rgtp://[::1]:"));
  expect_pull(exposed.locator);
}

TEST_F(Expose, IsReachedOverBothFamiliesWhereItBindsEverything) {
  if (!has_ipv6()) GTEST_SKIP() << "this host has no ::1";
  write_file("in", 1'000'000);
  const auto exposed = expose({"in", "--bind", "[::]:0"});
  for (const std::string host : {"127.0.0.1", "[::1]", "localhost"})
    expect_pull("rgtp://" + host + port_and_id(exposed.locator));
  expect_pull(exposed.locator);
  exposed.process->send_signal(SIGTERM);
  EXPECT_EQ(exposed.process->wait(), exit_code::ok);
  // Whoever binds everything is told what that means.
  EXPECT_THAT(exposed.process->errors(), HasSubstr("--advertise"));
  EXPECT_THAT(exposed.process->errors(), HasSubstr("not sealed"));
}

TEST_F(Expose, NamesTheHostThatIsAdvertised) {
  write_file("in", 1'000'000);
  const auto exposed = expose({"in", "--bind", "0.0.0.0:0", "--advertise", "localhost"});
  EXPECT_THAT(exposed.locator, StartsWith("rgtp://localhost:"));
  expect_pull(exposed.locator);
}

TEST_F(Expose, TellsAGroupWhatThereIsAndItsIdsWhereItIsTold) {
  write_file("a", 1'500'000);
  const std::string group = group_of_this_process(85);
  const auto plain = expose({"a", "--advertise-group", group});
  const std::string port = plain.locator.substr(8, plain.locator.rfind('/') - 8);
  const std::string id = plain.locator.substr(plain.locator.rfind('/') + 1);
  auto listed = run({"ls", "--network", group});
  EXPECT_EQ(listed.code, exit_code::ok) << listed.errors;
  EXPECT_THAT(listed.output, HasSubstr(port));
  EXPECT_THAT(listed.output, HasSubstr("  a  "));
  EXPECT_THAT(listed.output, Not(HasSubstr(id)));
  const auto open = expose({"a", "--advertise-group", group, "--advertise-ids"});
  listed = run({"ls", "--network", group});
  EXPECT_THAT(listed.output, HasSubstr(open.locator.substr(open.locator.rfind('/') + 1)));
  EXPECT_THAT(listed.output, Not(HasSubstr(id)));
  expect_failure(exit_code::usage, "is no multicast group", {"ls", "--network", "127.0.0.1:9"});
}

TEST_F(Expose, SendsNoPacketAboveItsMtu) {
  write_file("in", 1'000'000);
  const auto exposed = expose({"in", "--route", "udp", "--mtu", "1000", "--verbose"});
  expect_pull(exposed.locator);
  exposed.process->send_signal(SIGTERM);
  EXPECT_EQ(exposed.process->wait(), exit_code::ok);
  // "in: 12 requests, 345 datagrams and 678 bytes sent, ..."
  std::istringstream stats(exposed.process->errors());
  std::string word;
  std::uint64_t requests = 0;
  std::uint64_t datagrams = 0;
  stats >> word >> requests >> word >> datagrams;
  EXPECT_GE(datagrams, 1'000'000 / 1000) << exposed.process->errors();
}

}  // namespace
}  // namespace rgtp::test
