// The search for a key: in every system call of both sides, in arguments, environment and logs, in shared
// memory, and in the core of a program that uses the library. Raw, in hex and in base64url.
#include <algorithm>
#include <cctype>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <rgtp/locator.h>

#include "cli/command_fixture.h"
#include "support/bytes.h"
#include "support/sanitizers.h"

namespace rgtp::test {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The ways in which a key may be written down.
std::vector<std::string> forms_of(const Locator& locator) {
  const auto bytes = locator.key()->bytes();
  std::string lower = hex(bytes);
  std::string upper = lower;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const std::string text = locator.reveal();
  const std::string base64url = text.substr(text.find("k=") + 2, 43);
  std::string base64 = base64url;
  for (char& c : base64) c = c == '-' ? '+' : c == '_' ? '/' : c;
  return {{reinterpret_cast<const char*>(bytes.data()), bytes.size()}, lower, upper, base64url, base64};
}

// As strace -xx writes strings.
std::string escaped(const std::string& text) {
  std::string all;
  for (const char c : text) all += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return all;
}

class Secrecy : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    if (!has_own_shm()) GTEST_SKIP() << "this root may not mount a file system";
    write_file("in", 200'000);
  }

  static bool has(const char* tool) { return fs::exists(std::string("/usr/bin/") + tool); }
  // The process itself, its tracer beside it. A leak check of a sanitizer traces itself, which a process that
  // is traced cannot.
  Running start_traced(const std::string& trace, const Arguments& arguments,
                       ChildProcess::Options options = {}) const {
    Arguments all = {"ASAN_OPTIONS=detect_leaks=0",
                     "strace",
                     "-D",
                     "-f",
                     "-s",
                     "70000",
                     "-xx",
                     "-o",
                     trace,
                     RGTP_COMMAND_PATH};
    all.insert(all.end(), arguments.begin(), arguments.end());
    options.directory = scratch();
    return std::make_unique<ChildProcess>("/usr/bin/env", all, options);
  }
  static bool is_whole(const std::string& trace) {
    std::string process = trace.substr(0, trace.find(' '));
    if (process.empty()) return false;
    process.resize(std::max<std::size_t>(process.size(), 5), ' ');  // strace fills short numbers up
    return trace.starts_with(process + " +++ ") || trace.find("\n" + process + " +++ ") != std::string::npos;
  }
  // How many calls of a trace carry a text in or out by datagrams; `call` is "send" or "recv".
  std::size_t datagrams_with(const std::string& trace, const std::string& call,
                             const std::string& text) const {
    std::ifstream lines(scratch() / trace);
    std::size_t found = 0;
    for (std::string line; std::getline(lines, line);)
      if (line.find(call) != std::string::npos && line.find(escaped(text)) != std::string::npos) ++found;
    return found;
  }
  // The lines of a trace that hold any form of the key.
  std::vector<std::string> lines_with_key(const std::string& trace, const Locator& locator) const {
    std::vector<std::string> found;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    // Threads exit too: the end is that of the process, whose number the first line begins with.
    while (!is_whole(read_all(scratch() / trace)) && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_TRUE(is_whole(read_all(scratch() / trace))) << trace << " does not end";
    std::ifstream lines(scratch() / trace);
    const auto forms = forms_of(locator);
    for (std::string line; std::getline(lines, line);)
      for (const std::string& form : forms)
        if (line.find(escaped(form)) != std::string::npos || line.find(form) != std::string::npos) {
          found.push_back(line.substr(0, 60));
          break;
        }
    return found;
  }
  static void expect_no_key(const std::string& where, const std::string& text, const Locator& locator) {
    for (const std::string& form : forms_of(locator))
      EXPECT_EQ(text.find(form), std::string::npos) << "the key stands in " << where;
  }
};

TEST_F(Secrecy, AKeyStandsInNoSystemCallButWhatBringsItInAndPrintsIt) {
  if (!has("strace")) GTEST_SKIP() << "no strace here";
  const auto exposer =
      start_traced("exposer.trace", {"expose", "in", "--seal", "--verbose", "--local", "name"});
  const auto text = exposer->read_line();
  if (!text) GTEST_SKIP() << "nothing can be traced here: " << exposer->errors();
  const Locator locator = Locator::parse(*text).value();
  for (const char* const route : {"shm", "udp"}) {
    const auto pull = start_traced("puller.trace", {"pull", "-", "-o", "out", "--route", route, "--verbose"},
                                   {.input = *text + "\n"});
    EXPECT_EQ(pull->wait(), exit_code::ok) << pull->errors();
    EXPECT_TRUE(same("in", "out"));
    expect_no_key("the puller's messages", pull->errors() + pull->output(), locator);
    // It is read byte by byte, so that what is behind it is left to others: no call brings all of it.
    EXPECT_THAT(lines_with_key("puller.trace", locator), ::testing::IsEmpty()) << route;
    fs::remove(scratch() / "out");
  }
  for (const auto& entry : fs::recursive_directory_iterator("/dev/shm"))
    if (entry.is_regular_file()) expect_no_key(entry.path(), read_all(entry.path()), locator);
  exposer->send_signal(SIGINT);
  exposer->wait();
  expect_no_key("the exposer's messages", exposer->errors(), locator);
  const auto printed = lines_with_key("exposer.trace", locator);
  ASSERT_EQ(printed.size(), 1U);
  EXPECT_NE(printed[0].find("write("), std::string::npos) << printed[0];
}

TEST_F(Secrecy, AKeyStandsInNeitherArgumentsNorEnvironmentOfAPull) {
  write_zeros("big", big);
  const auto exposed = expose({"big", "--seal", "--route", "udp"});
  const Locator locator = Locator::parse(exposed.locator).value();
  const auto pull = start({"pull", exposed.locator, "-o", "out", "--route", "udp", "--rate", slow_rate});
  ASSERT_TRUE(pull->wait_for_error("stood among the arguments"));
  const std::string process = "/proc/" + std::to_string(pull->pid());
  expect_no_key("its arguments", read_all(process + "/cmdline"), locator);
  expect_no_key("its environment", read_all(process + "/environ"), locator);
  pull->send_signal(SIGINT);
  pull->wait();
  expect_no_key("its messages", pull->errors(), locator);
}

// The search is tried on what is not sealed, where it has to find the text.
TEST_F(Secrecy, TheContentOfASealedFileStandsInNoDatagramAndNoSegment) {
  if (!has("strace")) GTEST_SKIP() << "no strace here";
  const std::string line = "a line of what this file is about; ";
  std::string content;
  while (content.size() < 200'000) content += line;
  std::ofstream(scratch() / "in") << content;
  const auto in_shared_memory = [&] {
    std::size_t found = 0;
    for (const auto& entry : fs::recursive_directory_iterator("/dev/shm"))
      if (entry.is_regular_file() && read_all(entry.path()).find(line) != std::string::npos) ++found;
    return found;
  };
  for (const bool seals : {false, true}) {
    // From a copy in memory also where it is not sealed.
    const auto exposer = start_traced("exposer.trace", seals ? Arguments{"expose", "in", "--seal"}
                                                             : Arguments{"expose", "in", "--snapshot"});
    const auto text = exposer->read_line();
    if (!text) GTEST_SKIP() << "nothing can be traced here: " << exposer->errors();
    EXPECT_EQ(in_shared_memory(), seals ? 0U : 1U);
    const auto pull =
        start_traced("puller.trace", {"pull", "-", "-o", "out", "--route", "udp"}, {.input = *text});
    EXPECT_EQ(pull->wait(), exit_code::ok) << pull->errors();
    EXPECT_TRUE(same("in", "out"));
    exposer->send_signal(SIGINT);
    exposer->wait();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (const char* const trace : {"exposer.trace", "puller.trace"})
      while (!is_whole(read_all(scratch() / trace)) && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const std::size_t sent = datagrams_with("exposer.trace", "send", line);
    const std::size_t received = datagrams_with("puller.trace", "recv", line);
    EXPECT_EQ(sent > 0, !seals) << sent;
    EXPECT_EQ(received > 0, !seals) << received;
    fs::remove(scratch() / "out");
  }
}

// What the kernel, and gdb in its stead, leaves out are pages; a copy elsewhere would show.
TEST_F(Secrecy, AKeyStandsInNoCoreOfAProgramThatUsesTheLibrary) {
  if (!has("gcore")) GTEST_SKIP() << "no gcore here";
  if (is_sanitized) GTEST_SKIP() << "a sanitizer's memory is too large to be dumped";
  ChildProcess user(RGTP_KEY_USER_PATH, {}, {.directory = scratch()});
  const auto text = user.read_line();
  ASSERT_TRUE(text) << user.errors();
  const Locator locator = Locator::parse(*text).value();
  ASSERT_EQ(user.read_line(), "ready") << user.errors();
  const std::string prefix = (scratch() / "core").string();
  // A script, which finds gdb beside itself by its name.
  ChildProcess dump("/usr/bin/env", {"gcore", "-o", prefix, std::to_string(user.pid())},
                    {.directory = scratch()});
  const int dumped = dump.wait();
  const fs::path core = prefix + "." + std::to_string(user.pid());
  if (dumped != 0 || !fs::exists(core))
    GTEST_SKIP() << "no core can be had here: " << dump.errors() + dump.output();
  const std::string bytes = read_all(core);
  EXPECT_NE(bytes.find("what this surface is about"), std::string::npos) << "the core holds no memory";
  expect_no_key("the core", bytes, locator);
}

}  // namespace
}  // namespace rgtp::test
