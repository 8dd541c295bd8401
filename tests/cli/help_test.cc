// What fits on a terminal: --help and --version.
#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>

#include <rgtp/version.h>

#include "cli/command_fixture.h"

namespace rgtp::test {
namespace {

class Help : public CommandTest {
 protected:
  void expect_one_screen(const Arguments& arguments) const {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, exit_code::ok);
    EXPECT_EQ(ended.errors, "");
    EXPECT_LE(std::ranges::count(ended.output, '\n'), 24);
    std::istringstream lines(ended.output);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80) << line;
  }
};

TEST_F(Help, FitsOnAScreen) {
  expect_one_screen({"--help"});
  expect_one_screen({"expose", "--help"});
  expect_one_screen({"pull", "--help"});
}

TEST_F(Help, NamesEveryExitCode) {
  const std::string text = run({"--help"}).output;
  for (const auto* code :
       {"0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "7 ", "8 ", "9 ", "10 ", "11 ", "12 ", "130 ", "143 "})
    EXPECT_THAT(text, ::testing::HasSubstr(code));
}

TEST_F(Help, GivesTheVersion) {
  const Ended ended = run({"--version"});
  EXPECT_EQ(ended.code, exit_code::ok);
  EXPECT_EQ(ended.output, RGTP_VERSION "\n");
  EXPECT_EQ(ended.errors, "");
}

}  // namespace
}  // namespace rgtp::test
