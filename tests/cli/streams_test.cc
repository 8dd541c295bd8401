// What the command does with a stdin, stdout or stderr that is silent, blocked, full or not there.
#include <array>
#include <csignal>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/command_fixture.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

// Made in the child before it becomes the program.

bool replace(int descriptor, const char* path) {
  return dup2(open(path, O_RDWR | O_CLOEXEC), descriptor) == descriptor;
}

// A pipe whose other end the child holds itself: its stdin is silent, its stdout fills up.
bool replace_by_pipe(int descriptor) {
  std::array<int, 2> ends{};
  const std::size_t end = descriptor == STDIN_FILENO ? 0 : 1;
  return pipe(ends.data()) == 0 && dup2(ends[end], descriptor) == descriptor;
}

// Kept for the program, however early they come.
bool hold_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return sigprocmask(SIG_BLOCK, &set, nullptr) == 0;
}

constexpr rlim_t file_limit = 1'000'000;

bool limit_files() {
  const rlimit limit{file_limit, file_limit};
  return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

class Streams : public CommandTest {
 protected:
  void expect_end_by_signals(const Arguments& arguments, const std::function<bool()>& prepare) const {
    for (const auto& [number, code] :
         {std::pair{SIGINT, exit_code::interrupted}, std::pair{SIGTERM, exit_code::terminated}}) {
      const auto pull = start(arguments, {.prepare = [&] { return hold_signals() && prepare(); }});
      // Long enough to get stuck, and no less right where it is not.
      std::this_thread::sleep_for(500ms);
      pull->send_signal(number);
      EXPECT_EQ(pull->wait(5s), code) << pull->errors();
    }
  }
};

TEST_F(Streams, AStderrThatTakesNothingChangesNoExitCode) {
  write_file("in", 100'000);
  for (const auto& prepare : {std::function([] { return replace(STDERR_FILENO, "/dev/full"); }),
                              std::function([] { return close(STDERR_FILENO) == 0; })}) {
    const auto exposer =
        start({"expose", "in", "--verbose", "--bind", "0.0.0.0:0", "--advertise", "127.0.0.1"},
              {.prepare = prepare});
    const auto locator = exposer->read_line();
    ASSERT_TRUE(locator);
    EXPECT_EQ(run({"pull", *locator, "-o", "out", "--verbose"}, {.prepare = prepare}).code, exit_code::ok);
    EXPECT_TRUE(same("in", "out"));
    EXPECT_EQ(run({"pull", *locator, "-o", "missing/out"}, {.prepare = prepare}).code, exit_code::not_found);
    exposer->send_signal(SIGTERM);
    EXPECT_EQ(exposer->wait(), exit_code::ok);
  }
}

TEST_F(Streams, AStdoutThatIsClosedIsAnErrorAndNothingElseTakesItsPlace) {
  write_file("in", 100'000);
  const auto exposed = expose({"in"});
  const auto close_stdout = [] { return close(STDOUT_FILENO) == 0; };
  for (const Arguments& arguments :
       {Arguments{"pull", exposed.locator, "-o", "-"}, Arguments{"expose", "in"}})
    expect_failure(exit_code::failure, "cannot write to stdout: Bad file descriptor", arguments,
                   {.prepare = close_stdout});
}

TEST_F(Streams, ExposeEndsWhereItsLocatorCannotBePrinted) {
  write_file("in", 1000);
  expect_failure(exit_code::no_space, "cannot write to stdout: its disk is full", {"expose", "in"},
                 {.output_file = "/dev/full"});
}

TEST_F(Streams, SignalsEndAPullThatStillWaitsForItsLocator) {
  expect_end_by_signals({"pull", "-"}, [] { return replace_by_pipe(STDIN_FILENO); });
}

TEST_F(Streams, SignalsEndAPullWhoseStdoutNobodyReads) {
  write_zeros("in", big);
  const auto exposed = expose({"in"});
  const Arguments arguments = {"pull", exposed.locator, "-o", "-"};
  expect_end_by_signals(arguments, [] { return replace_by_pipe(STDOUT_FILENO); });
  // Another user's pipe cannot be opened anew.
  expect_end_by_signals(arguments, [] { return replace_by_pipe(STDOUT_FILENO) && become_nobody(); });
}

TEST_F(Streams, APullWaitsForTheReaderOfANonblockingStdout) {
  write_file("in", 10'000'000);
  const auto exposed = expose({"in"});
  const auto make_nonblocking = [] { return fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK) == 0; };
  for (const auto& prepare : {std::function(make_nonblocking),
                              std::function([&] { return make_nonblocking() && become_nobody(); })}) {
    const auto pull = start({"pull", exposed.locator, "-o", "-"}, {.prepare = prepare});
    std::this_thread::sleep_for(300ms);
    EXPECT_EQ(pull->wait(), exit_code::ok) << pull->errors();
    EXPECT_TRUE(pull->output() == read_file("in"));
  }
}

TEST_F(Streams, APullLeavesTheRestOfStdinToTheNextCommand) {
  write_file("in", 1000);
  const auto exposed = expose({"in"});
  ChildProcess shell("/bin/sh", {"-c", R"("$0" pull - -o first && "$0" pull - -o second)", RGTP_COMMAND_PATH},
                     {.directory = scratch(), .input = exposed.locator + "\n" + exposed.locator + "\n"});
  EXPECT_EQ(shell.wait(), exit_code::ok) << shell.errors();
  EXPECT_TRUE(same("in", "first"));
  EXPECT_TRUE(same("in", "second"));
}

TEST_F(Streams, ALineOfStdinLongerThanAnyLocatorIsMalformed) {
  write_file("in", 1000);
  const auto exposed = expose({"in"});
  const std::string longer = exposed.locator + std::string(4096, ' ');
  expect_failure(exit_code::usage, "longer than 4,096", {"pull", "-", "-o", "out"}, {.input = longer + "\n"});
  // Even one without an end.
  expect_failure(exit_code::usage, "longer than 4,096", {"pull", "-", "-o", "out"},
                 {.prepare = [] { return replace(STDIN_FILENO, "/dev/zero"); }});
}

TEST_F(Streams, AFileAboveTheLimitOfTheShellIsNoSpace) {
  write_file("in", 2 * file_limit);
  const auto exposed = expose({"in"});
  expect_failure(exit_code::no_space, "cannot reserve space for 'out'",
                 {"pull", exposed.locator, "-o", "out"}, {.prepare = limit_files});
  expect_failure(exit_code::no_space, "cannot write to stdout: File too large",
                 {"pull", exposed.locator, "-o", "-"},
                 {.output_file = scratch() / "printed", .prepare = limit_files});
  EXPECT_EQ(std::filesystem::file_size(scratch() / "printed"), file_limit);
}

}  // namespace
}  // namespace rgtp::test
