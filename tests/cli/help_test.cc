// What fits on a terminal: --help and --version.
#include <algorithm>
#include <iterator>
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
  expect_one_screen({"bench", "--help"});
}

TEST_F(Help, NamesEveryExitCodeOnce) {
  std::string text = run({"--help"}).output;
  text.erase(0, text.find("Exit codes:"));
  // Every number that stands there, and no part of one.
  for (char& c : text)
    if (c < '0' || c > '9') c = ' ';
  std::istringstream numbers(text);
  const std::vector<int> codes(std::istream_iterator<int>(numbers), {});
  EXPECT_THAT(codes,
              ::testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 129, 130, 143));
}

TEST_F(Help, GivesTheVersion) {
  const Ended ended = run({"--version"});
  EXPECT_EQ(ended.code, exit_code::ok);
  EXPECT_EQ(ended.output, RGTP_VERSION "\n");
  EXPECT_EQ(ended.errors, "");
}

}  // namespace
}  // namespace rgtp::test
