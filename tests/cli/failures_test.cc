// Every failure that a script may want to tell apart has an exit code of its own, and a line that says what
// to do.
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/command_fixture.h"
#include "support/datagrams.h"

namespace rgtp::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string some_id = "0123456789abcdef0123456789abcdef";

class Failures : public CommandTest {
 protected:
  // What the argument parser finds wrong it says in its own form, on stderr too.
  void expect_usage(std::string_view message, const Arguments& arguments) const {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, exit_code::usage) << ended.errors;
    EXPECT_EQ(ended.output, "");
    EXPECT_THAT(ended.errors, HasSubstr(std::string(message)));
  }
};

TEST_F(Failures, UnknownOption) {
  expect_usage("--bogus", {"pull", "rgtp://127.0.0.1:1/" + some_id, "--bogus"});
  expect_usage("--bogus", {"expose", "x", "--bogus"});
  expect_usage("ubcommand", {"--bogus"});
}

TEST_F(Failures, NoSubcommandOrNoArgument) {
  expect_usage("ubcommand", {});
  expect_usage("LOCATOR", {"pull"});
  expect_usage("FILE", {"expose"});
}

TEST_F(Failures, ValueOutOfRange) {
  expect_usage("--mtu", {"pull", "rgtp://127.0.0.1:1/" + some_id, "--mtu", "100"});
  expect_usage("--timeout", {"pull", "rgtp://127.0.0.1:1/" + some_id, "--timeout", "0"});
  expect_usage("--timeout", {"pull", "rgtp://127.0.0.1:1/" + some_id, "--timeout", "soon"});
  for (const auto* nan : {"nan", "NaN", "nan(1)"})
    expect_usage("--timeout", {"pull", "rgtp://127.0.0.1:1/" + some_id, "--timeout", nan});
}

TEST_F(Failures, MalformedLocator) {
  for (const std::string& locator :
       {std::string("nonsense"), std::string("http://127.0.0.1:1/") + some_id,
        std::string("rgtp://127.0.0.1:1/0123"), std::string("rgtp://127.0.0.1:99999/") + some_id,
        std::string("rgtp://:1/") + some_id, std::string("rgtp://[::1:1/") + some_id})
    expect_failure(exit_code::usage, "locator", {"pull", locator, "-o", "out"});
  expect_failure(exit_code::usage, "locator", {"pull", "-"}, {.input = ""});
}

TEST_F(Failures, MalformedAddressToBind) {
  write_file("in", 10);
  expect_failure(exit_code::usage, "expected ADDRESS:PORT", {"expose", "in", "--bind", "9000"});
  expect_failure(exit_code::usage, "expected ADDRESS:PORT", {"expose", "in", "--bind", "127.0.0.1:http"});
}

TEST_F(Failures, WrongId) {
  write_file("in", 10);
  const auto exposed = expose({"in"});
  const std::string wrong = exposed.locator.substr(0, exposed.locator.rfind('/') + 1) + some_id;
  expect_failure(exit_code::no_surface, "no surface of this id", {"pull", wrong, "-o", "out"});
  EXPECT_THAT(names_in("."), ElementsAre("in"));
}

TEST_F(Failures, NothingListensThere) {
  // No program is given this port by chance.
  const auto began = ChildProcess::Clock::now();
  expect_failure(exit_code::unreachable, "nothing listens there",
                 {"pull", "rgtp://127.0.0.1:1/" + some_id, "-o", "out"});
  EXPECT_LT(ChildProcess::Clock::now() - began, std::chrono::seconds(4));
  EXPECT_THAT(names_in("."), IsEmpty());
}

TEST_F(Failures, HostThatDoesNotResolve) {
  expect_failure(exit_code::unreachable, "cannot find the host 'nonexistent.invalid'",
                 {"pull", "rgtp://nonexistent.invalid:9000/" + some_id, "-o", "out"});
}

TEST_F(Failures, LocatorThatNoTransportReaches) {
  expect_failure(exit_code::unreachable, "no transport", {"pull", "rgtp+pigeon://coop", "-o", "out"});
}

TEST_F(Failures, MissingOutputDirectory) {
  write_file("in", 10);
  const auto exposed = expose({"in"});
  expect_failure(exit_code::not_found, "create the directory",
                 {"pull", exposed.locator, "-o", "missing/out"});
}

TEST_F(Failures, OutputThatIsADirectory) {
  write_file("in", 10);
  std::filesystem::create_directory(scratch() / "directory");
  const auto exposed = expose({"in"});
  expect_failure(exit_code::usage, "is a directory", {"pull", exposed.locator, "-o", "directory"});
}

TEST_F(Failures, MissingSource) {
  expect_failure(exit_code::not_found, "name a file that exists", {"expose", "missing"});
}

TEST_F(Failures, SourceThatIsNoFile) {
  expect_failure(exit_code::usage, "not a regular file", {"expose", "."});
  expect_failure(exit_code::usage, "not a regular file", {"expose", "/dev/zero"});
}

TEST_F(Failures, UnreadableSource) {
  std::filesystem::permissions(write_file("in", 10), std::filesystem::perms::none);
  // Root reads everything: somebody else must try.
  expect_failure(exit_code::denied, "Permission denied", {"expose", "in"}, {.prepare = become_nobody});
}

TEST_F(Failures, UnwritableOutputDirectory) {
  write_file("in", 10);
  const auto exposed = expose({"in"});
  std::filesystem::create_directory(scratch() / "closed");
  std::filesystem::permissions(scratch() / "closed", std::filesystem::perms{0555});
  expect_failure(exit_code::denied, "Permission denied", {"pull", exposed.locator, "-o", "closed/out"},
                 {.prepare = become_nobody});
}

TEST_F(Failures, PortThatIsTaken) {
  write_file("in", 10);
  const auto exposed = expose({"in"});
  const std::string address = exposed.locator.substr(
      std::string("rgtp://").size(), exposed.locator.rfind('/') - std::string("rgtp://").size());
  expect_failure(exit_code::address_in_use, address, {"expose", "in", "--bind", address});
  EXPECT_EQ(run({"pull", exposed.locator, "-o", "out"}).code, exit_code::ok);
}

TEST_F(Failures, FullDisk) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount a small file system";
  write_file("in", 4'000'000);
  std::filesystem::create_directory(scratch() / "small");
  const auto exposed = expose({"in"});
  // In a mount namespace of the puller's own, which goes with it.
  const auto mount_small_disk = [] {
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount("none", "small", "tmpfs", 0, "size=1m") == 0;
  };
  const Ended pull = run({"pull", exposed.locator, "-o", "small/out"}, {.prepare = mount_small_disk});
  if (pull.code == ChildProcess::not_prepared) GTEST_SKIP() << "this root may not mount a file system";
  EXPECT_EQ(pull.code, exit_code::no_space);
  EXPECT_THAT(pull.errors, HasSubstr("needs 4000000 bytes"));
  EXPECT_THAT(pull.errors, HasSubstr("make room"));
  EXPECT_THAT(names_in("small"), IsEmpty());
}

// A name server that takes questions and never answers, and a child whose only one it is. At an address of
// the test's own, since another may run at the same time.
class SilentNameServer {
 public:
  SilentNameServer()
      : host_("127.77." + std::to_string(getpid() / 250 % 250) + "." + std::to_string(getpid() % 250 + 1)),
        socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    inet_pton(AF_INET, host_.c_str(), &address.sin_addr);
    bound_ = bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~SilentNameServer() { close(socket_); }

  // In the child: a mount namespace of its own, which goes with it.
  bool prepare() const {
    std::ofstream("resolv.conf") << "nameserver " << host_ << "\noptions timeout:9 attempts:3\n";
    return bound_ && unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount("resolv.conf", "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0;
  }

 private:
  const std::string host_;
  int socket_;
  bool bound_ = false;
};

TEST_F(Failures, ANameServerThatNeverAnswersIsTimedOut) {
  const SilentNameServer server;
  const auto began = ChildProcess::Clock::now();
  const Ended pull = run({"pull", "rgtp://silent.example:9/" + some_id, "-o", "out", "--timeout", "1"},
                         {.prepare = [&] { return server.prepare(); }});
  if (pull.code == ChildProcess::not_prepared)
    GTEST_SKIP() << "this root may not mount a file or take port 53";
  EXPECT_EQ(pull.code, exit_code::timed_out) << pull.errors;
  EXPECT_THAT(pull.errors, HasSubstr("'silent.example'"));
  EXPECT_LT(ChildProcess::Clock::now() - began, std::chrono::seconds(4));
}

TEST_F(Failures, SigtermEndsAPullThatStillLooksUpItsHost) {
  const SilentNameServer server;
  const auto pull = start({"pull", "rgtp://silent.example:9/" + some_id, "-o", "out"},
                          {.prepare = [&] { return server.prepare(); }});
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const auto began = ChildProcess::Clock::now();
  pull->send_signal(SIGTERM);
  const int code = pull->wait();
  if (code == ChildProcess::not_prepared) GTEST_SKIP() << "this root may not mount a file or take port 53";
  EXPECT_EQ(code, exit_code::terminated) << pull->errors();
  EXPECT_LT(ChildProcess::Clock::now() - began, std::chrono::seconds(2));
}

TEST_F(Failures, FullDiskBehindStdout) {
  write_file("in", 1'000'000);
  const auto exposed = expose({"in"});
  expect_failure(exit_code::no_space, "disk is full", {"pull", exposed.locator, "-o", "-"},
                 {.output_file = "/dev/full"});
}

TEST_F(Failures, SourceThatWasChangedSinceItWasExposed) {
  write_file("in", 1'000'000);
  const auto exposed = expose({"in"});
  std::ofstream(scratch() / "in", std::ios::app) << "more";
  expect_failure(exit_code::exposer_ended, "was changed", {"pull", exposed.locator, "-o", "out"});
  EXPECT_THAT(names_in("."), ElementsAre("in"));
}

TEST_F(Failures, SourceThatIsCutShortWhileItIsPulled) {
  write_zeros("in", big);
  const auto exposed = expose({"in"});
  const auto pull = start_slow_pull(exposed.locator, "out");
  std::filesystem::resize_file(scratch() / "in", 1000);
  EXPECT_EQ(pull->wait(std::chrono::seconds(5)), exit_code::exposer_ended) << pull->errors();
  EXPECT_THAT(pull->errors(), HasSubstr("was changed"));
  EXPECT_THAT(names_in("."), ElementsAre("in"));
  // It serves what else it may have, and still ends well.
  exposed.process->send_signal(SIGTERM);
  EXPECT_EQ(exposed.process->wait(), exit_code::ok);
}

TEST_F(Failures, ExposerOfAnotherVersion) {
  const int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  ASSERT_EQ(bind(server, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(server, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);

  const auto pull = start(
      {"pull", "rgtp://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/" + some_id, "-o", "out"});
  std::array<std::byte, packet::max_datagram_bytes> datagram;
  sockaddr_in puller{};
  size = sizeof puller;
  const ssize_t got =
      recvfrom(server, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&puller), &size);
  ASSERT_GT(got, 0);
  const auto hello = packet::parse_hello(std::span(datagram).first(static_cast<std::size_t>(got)));
  ASSERT_TRUE(hello);
  const auto answer = datagram_of(packet::Refuse{.pull_id = hello->pull_id,
                                                 .timestamp = hello->timestamp,
                                                 .reason = packet::Refusal::version,
                                                 .version_min = packet::wire_version + 1,
                                                 .version_max = packet::wire_version + 1});
  sendto(server, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&puller), size);
  close(server);
  EXPECT_EQ(pull->wait(std::chrono::seconds(5)), exit_code::bad_data);
  EXPECT_THAT(pull->errors(), HasSubstr("another version"));
}

TEST_F(Failures, ExposerThatIsSilent) {
  write_file("in", 1000);
  const auto exposed = expose({"in"});
  exposed.process->send_signal(SIGSTOP);
  expect_failure(exit_code::timed_out, "no answer for 1 s",
                 {"pull", exposed.locator, "-o", "out", "--route", "udp", "--timeout", "1"});
  exposed.process->send_signal(SIGCONT);
  EXPECT_EQ(run({"pull", exposed.locator, "-o", "out"}).code, exit_code::ok);
}

}  // namespace
}  // namespace rgtp::test
