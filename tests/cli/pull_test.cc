// `rgtp pull`: where the bytes go, under which name, and what is said about it.
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "cli/command_fixture.h"

namespace rgtp::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class PullCommand : public CommandTest {
 protected:
  // Pulls without -o in an empty directory what is called `name`; what stands there afterwards.
  std::vector<std::string> names_after_pulling(const std::string& name) {
    write_file(name, 5000);
    std::filesystem::create_directory(scratch() / "here");
    const auto exposed = expose({"--", name});
    const Ended pull = run({"pull", exposed.locator}, {.directory = scratch() / "here"});
    EXPECT_EQ(pull.code, exit_code::ok) << pull.errors;
    EXPECT_THAT(pull.errors, Not(HasSubstr("\x1b"))) << "from a name that the exposer chose";
    auto names = names_in("here");
    EXPECT_EQ(names.size(), 1);
    EXPECT_TRUE(!names.empty() && same(name, "here/" + names.front()));
    std::filesystem::remove_all(scratch() / "here");
    return names;
  }
};

TEST_F(PullCommand, WritesAFile) {
  for (const std::size_t size : {0, 1, 65536, 65537, 10'000'000}) {
    write_file("in", size);
    const auto exposed = expose({"in"});
    const Ended pull = run({"pull", exposed.locator, "-o", "out"});
    EXPECT_EQ(pull.code, exit_code::ok) << pull.errors;
    EXPECT_EQ(pull.output, "");
    EXPECT_TRUE(same("in", "out")) << size;
    std::filesystem::remove(scratch() / "out");
  }
}

TEST_F(PullCommand, WritesToStdoutInOrder) {
  for (const std::size_t size : {0, 1, 65537, 10'000'000}) {
    write_file("in", size);
    const auto exposed = expose({"in"});
    const Ended pull = run({"pull", exposed.locator, "-o", "-"});
    EXPECT_EQ(pull.code, exit_code::ok) << pull.errors;
    EXPECT_TRUE(pull.output == read_file("in")) << size;
    EXPECT_EQ(pull.errors, "");
  }
}

TEST_F(PullCommand, WaitsForASlowReaderOfStdout) {
  // More than a pull in content order holds, so that it stops asking.
  write_zeros("in", 80'000'000);
  const auto exposed = expose({"in"});
  const auto pull = start({"pull", exposed.locator, "-o", "-", "--route", "udp", "--timeout", "1"});
  // Nobody reads for longer than the timeout, which is about the exposer and not about the reader.
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_EQ(pull->wait(), exit_code::ok) << pull->errors();
  EXPECT_TRUE(pull->output() == read_file("in"));
}

TEST_F(PullCommand, TakesTheLocatorFromStdin) {
  write_file("in", 100'000);
  const auto exposed = expose({"in"});
  for (const std::string end : {"", "\n", "\r\n", "\nmore that is not read\n"}) {
    const Ended pull = run({"pull", "-", "-o", "out"}, {.input = exposed.locator + end});
    EXPECT_EQ(pull.code, exit_code::ok) << pull.errors;
    EXPECT_TRUE(same("in", "out"));
  }
}

TEST_F(PullCommand, TakesTheSurfacesOwnName) { EXPECT_THAT(names_after_pulling("in"), ElementsAre("in")); }

TEST_F(PullCommand, MakesTheSurfacesOwnNameHarmless) {
  EXPECT_THAT(names_after_pulling(".hidden"), ElementsAre("hidden"));
  EXPECT_THAT(names_after_pulling("...dots"), ElementsAre("dots"));
  EXPECT_THAT(names_after_pulling("a\x1b[31mb\nc"), ElementsAre("a[31mbc"));
  EXPECT_THAT(names_after_pulling("..\\..\\up"), ElementsAre("up"));
  EXPECT_THAT(names_after_pulling("-rf"), ElementsAre("rf"));
  EXPECT_THAT(names_after_pulling("\x01"), ElementsAre("surface"));
}

TEST_F(PullCommand, NeverReplacesAFileByItsOwnChoice) {
  write_file("in", 5000, 1);
  std::filesystem::create_directory(scratch() / "here");
  write_file("here/in", 300, 2);
  const std::string before = read_file("here/in");
  const auto exposed = expose({"in"});
  expect_failure(exit_code::already_exists, "exists already", {"pull", exposed.locator},
                 {.directory = scratch() / "here"});
  EXPECT_THAT(names_in("here"), ElementsAre("in"));
  EXPECT_EQ(read_file("here/in"), before);
}

TEST_F(PullCommand, ReplacesAFileThatWasNamed) {
  write_file("in", 5000, 1);
  write_file("out", 9000, 2);
  const auto exposed = expose({"in"});
  const Ended pull = run({"pull", exposed.locator, "-o", "out"});
  EXPECT_EQ(pull.code, exit_code::ok) << pull.errors;
  EXPECT_TRUE(same("in", "out"));
}

TEST_F(PullCommand, KeepsTheOldFileUntilTheNewOneIsComplete) {
  write_zeros("in", big);
  write_file("out", 9000, 2);
  const std::string before = read_file("out");
  const auto exposed = expose({"in"});
  const auto pull = start_slow_pull(exposed.locator, "out");
  EXPECT_EQ(read_file("out"), before);
  pull->send_signal(SIGINT);
  EXPECT_EQ(pull->wait(), exit_code::interrupted);
  EXPECT_EQ(read_file("out"), before);
}

TEST_F(PullCommand, SaysWhatItDidOnStderr) {
  write_file("in", 5'000'000);
  const auto exposed = expose({"in"});
  EXPECT_THAT(run({"pull", exposed.locator, "-o", "out", "--route", "udp"}).errors,
              ContainsRegex("^out: 5\\.0 MB in [0-9.]+ s, [0-9.]+ [kMG]?B/s by udp\n$"));
  const std::string verbose =
      run({"pull", exposed.locator, "-o", "out", "--route", "udp", "--verbose"}).errors;
  EXPECT_THAT(verbose, HasSubstr("5000000 bytes, 5000000 of them verified"));
  EXPECT_THAT(verbose, HasSubstr("slices asked for"));
}

TEST_F(PullCommand, ShowsABarOnATerminalAlone) {
  write_zeros("in", big / 2);
  const auto exposed = expose({"in"});
  const auto watched = start_slow_pull(exposed.locator, "watched");
  EXPECT_EQ(watched->wait(), exit_code::ok);
  EXPECT_THAT(watched->errors(), ContainsRegex("\rwatched \\[=* *\\] +[0-9]+ %"));
  EXPECT_THAT(watched->errors(), HasSubstr("\r\x1b[Kwatched: "));
  // One line, whatever its numbers are.
  std::istringstream drawn(watched->errors());
  for (std::string line; std::getline(drawn, line, '\r');) EXPECT_LE(line.size(), 80) << line;

  const Ended piped = run({"pull", exposed.locator, "-o", "piped", "--route", "udp", "--rate", slow_rate});
  EXPECT_EQ(piped.code, exit_code::ok);
  EXPECT_THAT(piped.errors, Not(HasSubstr("%")));
  EXPECT_THAT(piped.errors, Not(HasSubstr("\r")));
  EXPECT_THAT(piped.errors, Not(HasSubstr("\x1b")));
}

TEST_F(PullCommand, EndsBySigintAndSigtermAndLeavesNothing) {
  write_zeros("in", big);
  const auto exposed = expose({"in"});
  const auto interrupted = start_slow_pull(exposed.locator, "out");
  interrupted->send_signal(SIGINT);
  EXPECT_EQ(interrupted->wait(std::chrono::seconds(5)), exit_code::interrupted);
  const auto terminated = start_slow_pull(exposed.locator, "out");
  terminated->send_signal(SIGTERM);
  EXPECT_EQ(terminated->wait(std::chrono::seconds(5)), exit_code::terminated);
  EXPECT_THAT(names_in("."), ElementsAre("in"));
}

TEST_F(PullCommand, EndsWhenNobodyReadsItsStdoutAnyMore) {
  write_zeros("in", big);
  const auto exposed = expose({"in"});
  const auto pull = start({"pull", exposed.locator, "-o", "-", "--route", "udp"});
  EXPECT_TRUE(pull->wait_for_output(10));
  pull->close_output();
  EXPECT_EQ(pull->wait(std::chrono::seconds(5)), exit_code::failure);
  EXPECT_THAT(pull->errors(), HasSubstr("rgtp: cannot write to stdout: "));
}

}  // namespace
}  // namespace rgtp::test
