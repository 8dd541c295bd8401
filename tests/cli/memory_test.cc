// The memory route as users of the command see it: who may read, what is written down and named, what is left
// behind.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cli/command_fixture.h"

namespace rgtp::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

namespace fs = std::filesystem;

std::string id_of(const std::string& locator) { return locator.substr(locator.rfind('/') + 1); }

class MemoryCommand : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    if (!has_own_shm()) GTEST_SKIP() << "this root may not mount a file system";
    write_file("in", 3'000'000);
  }

  static std::vector<std::string> shared_names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator("/dev/shm")) names.push_back(entry.path().filename());
    return names;
  }
  Ended pull(const std::string& locator, Arguments more = {}, ChildProcess::Options options = {}) const {
    Arguments arguments = {"pull", locator, "-o", "out", "--verbose"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, std::move(options));
  }
  void expect_pulled(const Ended& ended, const std::string& route) const {
    EXPECT_EQ(ended.code, exit_code::ok) << ended.errors;
    EXPECT_THAT(ended.errors, HasSubstr("by " + route + "\n"));
    EXPECT_TRUE(same("in", "out"));
    fs::remove(scratch() / "out");
  }
};

TEST_F(MemoryCommand, ThePullTakesMemoryByItselfAndPacketsWhereItIsTold) {
  const auto exposed = expose({"in"});
  EXPECT_THAT(exposed.locator, StartsWith("rgtp://127.0.0.1:"));
  expect_pulled(pull(exposed.locator), "shm");
  expect_pulled(pull(exposed.locator, {"--route", "udp"}), "udp");
  expect_pulled(pull(exposed.locator, {"--route", "shm"}), "shm");
}

TEST_F(MemoryCommand, RouteShmOpensNoSocket) {
  const auto exposed = expose({"in", "--route", "shm"});
  EXPECT_THAT(exposed.locator, StartsWith("rgtp:///"));
  for (const auto& entry :
       fs::directory_iterator("/proc/" + std::to_string(exposed.process->pid()) + "/fd")) {
    std::error_code gone;
    EXPECT_THAT(fs::read_symlink(entry.path(), gone).string(), Not(StartsWith("socket:")));
  }
  expect_pulled(pull(exposed.locator), "shm");
}

TEST_F(MemoryCommand, RouteUdpLeavesNothingInSharedMemory) {
  const auto exposed = expose({"in", "--route", "udp"});
  EXPECT_THAT(shared_names(), IsEmpty());
  const Ended ended = pull(exposed.locator);
  EXPECT_THAT(ended.errors, HasSubstr("not taken: shm: no segment of this surface is on this host"));
  expect_pulled(ended, "udp");
}

TEST_F(MemoryCommand, AnotherUserGetsNoDefaultSurfaceByMemory) {
  const auto exposed = expose({"in", "--route", "shm"});
  fs::permissions(scratch(), fs::perms::all);
  const Ended ended = pull(exposed.locator, {"--route", "shm"}, {.prepare = become_nobody});
  EXPECT_EQ(ended.code, exit_code::denied);
  EXPECT_THAT(ended.errors, HasSubstr("does not let this user map"));
  // Under `auto` as well: there is no other way to it.
  EXPECT_EQ(pull(exposed.locator, {}, {.prepare = become_nobody}).code, exit_code::denied);
}

TEST_F(MemoryCommand, WhoIsNamedMayMapItAndNobodyElse) {
  fs::permissions(scratch(), fs::perms::all);
  for (const Arguments& allowed : {Arguments{"--allow", "12345", "--allow", "65534"},
                                   Arguments{"--allow", "@65534"}, Arguments{"--allow", "all"}}) {
    Arguments arguments = {"in"};
    arguments.insert(arguments.end(), allowed.begin(), allowed.end());
    const auto exposed = expose(arguments);
    EXPECT_THAT(exposed.locator, StartsWith("rgtp:///"));  // no packets
    expect_pulled(pull(exposed.locator, {}, {.prepare = become_nobody}), "shm");
  }
  for (const Arguments& allowed : {Arguments{"--allow", "12345"}, Arguments{"--allow", "@12345"}}) {
    Arguments arguments = {"in"};
    arguments.insert(arguments.end(), allowed.begin(), allowed.end());
    const auto exposed = expose(arguments);
    const Ended ended = pull(exposed.locator, {}, {.prepare = become_nobody});
    EXPECT_EQ(ended.code, exit_code::denied);
    EXPECT_THAT(ended.errors, HasSubstr("does not let this user map"));
  }
  for (const Arguments& wrong :
       {Arguments{"--allow", "no such user"}, Arguments{"--allow", "all", "--route", "udp"},
        Arguments{"--allow", "all", "--advertise-group"}}) {
    Arguments arguments = {"expose", "in"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(run(arguments).code, exit_code::usage) << wrong[1];
  }
}

TEST_F(MemoryCommand, AnotherUserLearnsNoIdFromWhatIsListed) {
  const auto exposed = expose({"in", "--local", "memory-command-test"});
  const std::string id = id_of(exposed.locator);
  const Ended listed = run({"ls", "--ids"}, {.prepare = become_nobody});
  EXPECT_EQ(listed.code, exit_code::ok);
  EXPECT_THAT(listed.output, Not(HasSubstr(id)));
  EXPECT_THAT(listed.output, HasSubstr("does not let this user map"));
  for (const std::string& name : shared_names()) EXPECT_THAT(name, Not(HasSubstr(id)));
  const Ended read = run({"pull", "rgtp://local/memory-command-test", "-o", "-"}, {.prepare = become_nobody});
  EXPECT_EQ(read.code, exit_code::no_surface);
}

TEST_F(MemoryCommand, AStrangersSegmentIsNotMappedUnlessTheStrangerIsTrusted) {
  // Root trusts itself and root: whoever exposes here is neither.
  fs::permissions(scratch(), fs::perms::all);
  auto exposing = start({"expose", "in"}, {.prepare = become_nobody});
  const auto locator = exposing->read_line();
  ASSERT_TRUE(locator);
  const Ended refused = pull(*locator, {"--route", "shm"});
  EXPECT_EQ(refused.code, exit_code::denied);
  EXPECT_THAT(refused.errors, HasSubstr("not trusted"));
  const Ended fallen_back = pull(*locator);
  EXPECT_THAT(fallen_back.errors, HasSubstr("not trusted"));
  expect_pulled(fallen_back, "udp");
  expect_pulled(pull(*locator, {"--trust", "65534"}), "shm");
  EXPECT_EQ(pull(*locator, {"--trust", "no such user"}).code, exit_code::usage);
}

TEST_F(MemoryCommand, ALocatorDoesNotStandInArgvForLong) {
  const auto exposed = expose({"in", "--route", "udp"});
  exposed.process->send_signal(SIGSTOP);  // so that the pull waits
  const auto pulling = start({"pull", exposed.locator, "-o", "out"});
  std::string arguments;
  for (int i = 0; i < 200 && arguments.find('*') == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::ifstream file("/proc/" + std::to_string(pulling->pid()) + "/cmdline");
    arguments.assign(std::istreambuf_iterator<char>(file), {});
  }
  EXPECT_THAT(arguments, HasSubstr("rgtp://*"));
  EXPECT_THAT(arguments, Not(HasSubstr(id_of(exposed.locator))));
  exposed.process->send_signal(SIGCONT);
  EXPECT_EQ(pulling->wait(), exit_code::ok);
}

TEST_F(MemoryCommand, ALocalNameIsTheNewestSurfacesAndGoesWithIt) {
  const std::string locator = "rgtp://local/memory-command-name";
  write_file("other", 1000, 7);
  const auto older = expose({"other", "--local", "memory-command-name"});
  auto newer = expose({"in", "--local", "memory-command-name"});
  expect_pulled(pull(locator), "shm");
  expect_pulled(pull(locator, {"--route", "udp"}), "udp");
  older.process->send_signal(SIGTERM);
  EXPECT_EQ(older.process->wait(), exit_code::ok);
  expect_pulled(pull(locator), "shm");
  newer.process->send_signal(SIGTERM);
  EXPECT_EQ(newer.process->wait(), exit_code::ok);
  EXPECT_EQ(pull(locator).code, exit_code::no_surface);
  EXPECT_EQ(run({"expose", "in", "other", "--local", "x"}).code, exit_code::usage);
  EXPECT_EQ(run({"expose", "in", "--local", "not/a/name"}).code, exit_code::usage);
}

TEST_F(MemoryCommand, WhatAKilledExposerLeftIsListedAsDeadNotPulledAndRemovedByGc) {
  const auto exposed = expose({"in", "--local", "memory-command-killed"});
  exposed.process->send_signal(SIGKILL);
  exposed.process->wait();
  EXPECT_EQ(shared_names().size(), 3U);  // segment, lock file, directory of names
  EXPECT_THAT(run({"ls"}).output, HasSubstr("dead"));
  EXPECT_THAT(run({"doctor"}).output,
              HasSubstr("1 surfaces are left of exposers that have ended, and 2 names and lock files"));
  EXPECT_THAT(run({"gc", "--dry-run"}).errors, HasSubstr("would remove 1 surfaces"));
  EXPECT_EQ(shared_names().size(), 3U);
  const Ended by_memory = pull(exposed.locator, {"--route", "shm"});
  EXPECT_EQ(by_memory.code, exit_code::exposer_ended);
  EXPECT_EQ(pull("rgtp://local/memory-command-killed").code, exit_code::exposer_ended);
  const auto alive = expose({"in"});
  const Ended cleared = run({"gc"});
  EXPECT_EQ(cleared.code, exit_code::ok) << cleared.errors;
  expect_pulled(pull(alive.locator, {"--route", "shm"}), "shm");
  alive.process->send_signal(SIGTERM);
  alive.process->wait();
  EXPECT_THAT(shared_names(), IsEmpty());
}

TEST_F(MemoryCommand, APersistentSurfaceStaysBehindItsProcessUntilGcIsToRemoveIt) {
  const auto left = run({"expose", "in", "--persistent", "--local", "kept"});
  ASSERT_EQ(left.code, exit_code::ok) << left.errors;
  const std::string locator = left.output.substr(0, left.output.find('\n'));
  for (const Arguments& gc : {Arguments{"gc"}, Arguments{"gc", "--persistent", "another"},
                              Arguments{"gc", "--persistent", "in", "--older", "1h"}}) {
    EXPECT_EQ(run(gc).code, exit_code::ok);
    expect_pulled(pull(locator), "shm");
    expect_pulled(pull("rgtp://local/kept"), "shm");
  }
  EXPECT_THAT(run({"ls"}).output, HasSubstr("finished, persistent  dead"));
  EXPECT_THAT(run({"gc", "--persistent", "--dry-run"}).errors,
              AllOf(HasSubstr("would remove 1 surfaces"), HasSubstr("1 names")));
  EXPECT_THAT(run({"gc", "--persistent", "in"}).errors,
              AllOf(HasSubstr("removed 1 surfaces"), HasSubstr("1 names")));
  EXPECT_THAT(shared_names(), IsEmpty());
  EXPECT_EQ(pull(locator, {"--route", "shm"}).code, exit_code::no_surface);
  EXPECT_EQ(pull("rgtp://local/kept").code, exit_code::no_surface);
  EXPECT_EQ(run({"gc", "--older", "1h"}).code, exit_code::usage);
}

TEST_F(MemoryCommand, AHostsSharedMemoryThatIsNotSharedMeansPackets) {
  const auto exposed = expose({"in"});
  const Ended ended = pull(exposed.locator, {}, {.prepare = [] { return mount_own_shm(); }});
  if (ended.code == ChildProcess::not_prepared) GTEST_SKIP() << "this root may not mount a file system";
  expect_pulled(ended, "udp");
}

TEST_F(MemoryCommand, SharedMemoryWithoutASharedNetworkIsEnough) {
  const auto exposed = expose({"in"});
  const Ended ended = pull(exposed.locator, {}, {.prepare = [] { return unshare(CLONE_NEWNET) == 0; }});
  if (ended.code == ChildProcess::not_prepared) GTEST_SKIP() << "this root may not make a network namespace";
  expect_pulled(ended, "shm");
}

TEST_F(MemoryCommand, AHostWithoutSharedMemoryStillHasPackets) {
  const auto hide_shm = [] {
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount("none", "/dev", "tmpfs", 0, "size=1m") == 0;
  };
  auto exposing = start({"expose", "in"}, {.prepare = hide_shm});
  const auto locator = exposing->read_line();
  if (!locator && exposing->wait() == ChildProcess::not_prepared)
    GTEST_SKIP() << "this root may not mount a file system";
  ASSERT_TRUE(locator) << exposing->errors();
  expect_pulled(pull(*locator, {}, {.prepare = hide_shm}), "udp");
}

TEST_F(MemoryCommand, StdoutGetsASurfaceByMemoryInOrder) {
  const auto exposed = expose({"in"});
  const Ended ended =
      run({"pull", exposed.locator, "-o", "-", "--verbose"}, {.output_file = scratch() / "out"});
  EXPECT_EQ(ended.code, exit_code::ok);
  EXPECT_THAT(ended.errors, HasSubstr("route shm, 3000000 bytes, 3000000 of them verified"));
  EXPECT_TRUE(same("in", "out"));
}

TEST_F(MemoryCommand, AFileThatIsCutShortWhileStdoutIsReadIsSourceChanged) {
  write_zeros("large", 80'000'000);
  const auto exposed = expose({"large"});
  const auto pull = start({"pull", exposed.locator, "-o", "-", "--route", "shm"});
  ASSERT_TRUE(pull->wait_for_output(1'000'000));
  fs::resize_file(scratch() / "large", 1000);
  EXPECT_EQ(pull->wait(), exit_code::exposer_ended) << pull->errors();
  EXPECT_LT(pull->output().size(), 80'000'000U);
}

TEST_F(MemoryCommand, AFileThatWasReplacedSinceIsNotPulled) {
  const auto exposed = expose({"in"});
  fs::remove(scratch() / "in");
  write_file("in", 3'000'000, 9);
  EXPECT_EQ(pull(exposed.locator).code, exit_code::exposer_ended);
  EXPECT_EQ(pull(exposed.locator, {"--route", "shm"}).code, exit_code::exposer_ended);
}

}  // namespace
}  // namespace rgtp::test
