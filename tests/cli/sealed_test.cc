// Sealed and rooted surfaces as users of the command see them, and where their keys stand and do not stand.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_fixture.h"
#include "core/descriptor.h"
#include "support/pattern.h"

namespace rgtp::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

class SealedCommand : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    if (!has_own_shm()) GTEST_SKIP() << "this root may not mount a file system";
    write_file("in", 3'000'000);
  }
  void make_pipe() const { ASSERT_EQ(::mkfifo((scratch() / "pipe").c_str(), 0644), 0); }
  // Where it opens for writing without waiting, somebody reads.
  core::Descriptor wait_for_reader() const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    core::Descriptor writer;
    while (!writer && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      writer = core::Descriptor(::open((scratch() / "pipe").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    }
    return writer;
  }

  static std::string key_of(const std::string& locator) { return locator.substr(locator.find("k=") + 2, 43); }
  static std::string without_key(const std::string& locator) { return locator.substr(0, locator.find('#')); }
  // Another key, which is one.
  static std::string with_another_key(std::string locator) {
    char& digit = locator[locator.find("k=") + 2];
    digit = digit == 'A' ? 'B' : 'A';
    return locator;
  }
  void write_text(std::string_view name, const std::string& text) const {
    std::ofstream(scratch() / name) << text;
  }
  void expect_pulled(const Ended& ended) const {
    EXPECT_EQ(ended.code, exit_code::ok) << ended.errors;
    EXPECT_TRUE(same("in", "out"));
    fs::remove(scratch() / "out");
  }
  // What is in the directory of local names.
  static std::string local_names() {
    std::string all;
    for (const auto& entry : fs::directory_iterator("/dev/shm/rgtp-" + std::to_string(::geteuid()))) {
      std::ifstream file(entry.path());
      all.append(std::istreambuf_iterator<char>(file), {});
    }
    return all;
  }
  static std::string arguments_of(pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/cmdline");
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(SealedCommand, ComesByEveryRouteToWhoeverHasTheWholeLocator) {
  for (const Arguments& options :
       {Arguments{"in", "--seal"}, {"in", "--verify"}, {"in", "--seal", "--verify"}}) {
    const auto exposed = expose(options);
    for (const char* const route : {"shm", "udp"})
      expect_pulled(run({"pull", "-", "-o", "out", "--route", route}, {.input = exposed.locator + "\n"}));
    write_text("locator", exposed.locator + "\r\n");
    expect_pulled(run({"pull", "@locator", "-o", "out"}));
    expect_pulled(run({"pull", "@locator", "-o", "-"}, {.output_file = scratch() / "out"}));
  }
}

TEST_F(SealedCommand, AWrongKeyOrNoneHasAnExitCodeOfItsOwnAndLeavesNoFile) {
  const auto exposed = expose({"in", "--seal"});
  EXPECT_THAT(exposed.locator, HasSubstr("#k="));
  const auto open = expose({"in"});
  for (const char* const route : {"shm", "udp"}) {
    for (const std::string& locator : {without_key(exposed.locator), with_another_key(exposed.locator),
                                       open.locator + "#k=" + key_of(exposed.locator)}) {
      const auto began = std::chrono::steady_clock::now();
      const Ended ended = run({"pull", "-", "-o", "out", "--route", route}, {.input = locator + "\n"});
      EXPECT_EQ(ended.code, exit_code::wrong_key) << ended.errors;
      EXPECT_THAT(ended.errors, Not(HasSubstr(key_of(exposed.locator))));
      EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
      EXPECT_FALSE(fs::exists(scratch() / "out"));
    }
  }
}

TEST_F(SealedCommand, AnotherRootIsBadData) {
  const auto exposed = expose({"in", "--verify"});
  std::string other = exposed.locator;
  char& digit = other[other.find("v=") + 2];
  digit = digit == 'A' ? 'B' : 'A';
  for (const char* const route : {"shm", "udp"})
    EXPECT_EQ(run({"pull", other, "-o", "out", "--route", route}).code, exit_code::bad_data);
  EXPECT_FALSE(fs::exists(scratch() / "out"));
}

TEST_F(SealedCommand, WhatComesOnStdinIsSealedAndHasNoRoot) {
  const auto producer = start({"expose", "-", "--seal", "--size", "11"}, {.input = "hello there"});
  const std::string locator = producer->read_line().value();
  for (const char* const route : {"shm", "udp"}) {
    const Ended ended = run({"pull", "-", "-o", "-", "--route", route}, {.input = locator + "\n"});
    EXPECT_EQ(ended.output, "hello there") << ended.errors;
  }
  expect_failure(exit_code::usage, "no root", {"expose", "-", "--verify"}, {.input = "x"});
}

TEST_F(SealedCommand, ALocalNameHoldsTheKeyOnlyWhereThatIsAskedFor) {
  const auto without = expose({"in", "--seal", "--local", "one"});
  EXPECT_THAT(local_names(), AllOf(HasSubstr("rgtp://"), Not(HasSubstr("k="))));
  EXPECT_EQ(run({"pull", "rgtp://local/one", "-o", "out"}).code, exit_code::wrong_key);
  expect_pulled(
      run({"pull", "-", "-o", "out"}, {.input = "rgtp://local/one#k=" + key_of(without.locator) + "\n"}));
  const auto with = expose({"in", "--seal", "--local", "two", "--local-key"});
  EXPECT_THAT(local_names(), HasSubstr("k=" + key_of(with.locator)));
  expect_pulled(run({"pull", "rgtp://local/two", "-o", "out"}));
  expect_failure(exit_code::usage, "no key", {"expose", "in", "--local", "three", "--local-key"});
}

TEST_F(SealedCommand, AKeyAmongTheArgumentsIsBlankedAndWarnedOf) {
  write_zeros("big", big);
  const auto exposed = expose({"big", "--seal", "--route", "udp"});
  const auto pull = start({"pull", exposed.locator, "-o", "out", "--route", "udp", "--rate", slow_rate});
  ASSERT_TRUE(pull->wait_for_error("stood among the arguments"));
  EXPECT_THAT(arguments_of(pull->pid()),
              AllOf(HasSubstr("pull"), Not(HasSubstr(key_of(exposed.locator))), Not(HasSubstr("k="))));
  pull->send_signal(SIGKILL);
  pull->wait();
  EXPECT_THAT(run({"pull", without_key(exposed.locator), "-o", "out"}).errors,
              Not(HasSubstr("among the arguments")));
}

TEST_F(SealedCommand, AFileThatHoldsTheLocatorMayBeMissingOrAPipe) {
  expect_failure(exit_code::not_found, "nowhere", {"pull", "@nowhere", "-o", "out"});
  const auto exposed = expose({"in", "--seal"});
  const fs::path pipe = scratch() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto waiting = start({"pull", "@pipe", "-o", "out"});
  std::ofstream(pipe) << exposed.locator << "\n";
  EXPECT_EQ(waiting->wait(), exit_code::ok) << waiting->errors();
  EXPECT_TRUE(same("in", "out"));
}

TEST_F(SealedCommand, ALocatorEndsAsLinesEndAnywhere) {
  const auto exposed = expose({"in", "--seal"});
  for (const std::string end : {"", "\n", "\r\n", "\nmore that is not read\n"}) {
    expect_pulled(run({"pull", "-", "-o", "out"}, {.input = exposed.locator + end}));
    write_text("locator", exposed.locator + end);
    expect_pulled(run({"pull", "@locator", "-o", "out"}));
  }
}

TEST_F(SealedCommand, SealAndRootAreHeldToEachByItself) {
  const auto exposed = expose({"in", "--seal", "--verify"});
  EXPECT_THAT(exposed.locator, AllOf(HasSubstr("#k="), HasSubstr("&v=")));
  std::string other_root = exposed.locator;
  char& digit = other_root[other_root.find("v=") + 2];
  digit = digit == 'A' ? 'B' : 'A';
  for (const char* const route : {"shm", "udp"}) {
    for (const auto& [locator, code] : {std::pair{other_root, exit_code::bad_data},
                                        std::pair{with_another_key(exposed.locator), exit_code::wrong_key}}) {
      const Ended ended = run({"pull", "-", "-o", "out", "--route", route}, {.input = locator});
      EXPECT_EQ(ended.code, code) << ended.errors;
      EXPECT_FALSE(fs::exists(scratch() / "out"));
    }
  }
}

TEST_F(SealedCommand, WhatComesOnStdinIsPulledSealedWhileItComes) {
  const fs::path pipe = scratch() / "stdin";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  // For reading too, so that it never waits for the other end.
  const int input = ::open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  const auto take_pipe = [] {
    return ::dup2(::open("stdin", O_RDONLY | O_CLOEXEC), STDIN_FILENO) == STDIN_FILENO;
  };
  const auto producer = start({"expose", "-", "--seal"}, {.prepare = take_pipe});
  const auto locator = producer->read_line();
  ASSERT_TRUE(locator) << producer->errors();
  std::vector<Running> pulls;
  for (const char* const route : {"shm", "udp"})
    pulls.push_back(start({"pull", "-", "-o", "-", "--route", route}, {.input = *locator}));
  const auto bytes = pattern(200'777);
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  // Two chunks and a part of the third, of which nobody sees anything before it is sealed.
  const std::size_t first = 131'072 + 5;
  const auto write_all = [&](std::string_view part) {
    while (!part.empty()) {
      const ssize_t written = ::write(input, part.data(), part.size());
      ASSERT_GT(written, 0);
      part.remove_prefix(static_cast<std::size_t>(written));
    }
  };
  write_all(std::string_view(text).substr(0, first));
  for (const auto& pull : pulls) EXPECT_TRUE(pull->wait_for_output(131'072)) << pull->errors();
  for (const auto& pull : pulls) EXPECT_EQ(pull->output().size(), 131'072U);
  write_all(std::string_view(text).substr(first));
  ::close(input);
  for (const auto& pull : pulls) {
    EXPECT_EQ(pull->wait(), exit_code::ok) << pull->errors();
    EXPECT_TRUE(pull->output() == text);
  }
}

TEST_F(SealedCommand, ASignalEndsAPullThatWaitsForItsLocator) {
  make_pipe();
  for (const auto& [number, code] :
       {std::pair{SIGTERM, exit_code::terminated}, std::pair{SIGINT, exit_code::interrupted}}) {
    const auto waiting = start({"pull", "@pipe", "-o", "out"});
    const core::Descriptor writer = wait_for_reader();
    ASSERT_TRUE(writer);
    waiting->send_signal(number);
    EXPECT_EQ(waiting->wait(std::chrono::seconds(2)), code) << waiting->errors();
  }
  EXPECT_FALSE(fs::exists(scratch() / "out"));
}

// Of what belongs to a process that may not be looked into only root is the owner.
TEST_F(SealedCommand, NobodyOfTheSameUserMayLookIntoIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
  make_pipe();
  const auto exposing = start({"expose", "in", "--seal", "--route", "udp"}, {.prepare = become_nobody});
  const auto pulling = start({"pull", "@pipe", "-o", "out"}, {.prepare = become_nobody});
  // Each has a key, or waits for one, and has said so to the kernel before.
  ASSERT_TRUE(exposing->read_line()) << exposing->errors();
  const core::Descriptor writer = wait_for_reader();
  ASSERT_TRUE(writer);
  for (const auto* const command : {&exposing, &pulling}) {
    const std::string process = "/proc/" + std::to_string((*command)->pid());
    struct stat status = {};
    ASSERT_EQ(::stat((process + "/mem").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0U);
    EXPECT_EQ(fs::read_symlink(process + "/exe").filename(), "rgtp") << "it has ended";
    (*command)->send_signal(SIGTERM);
  }
}

}  // namespace
}  // namespace rgtp::test
