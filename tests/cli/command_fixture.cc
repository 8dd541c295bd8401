#include "cli/command_fixture.h"

#include <algorithm>
#include <array>
#include <fstream>

#include <gmock/gmock.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "support/files.h"
#include "support/pattern.h"

namespace rgtp::test {

namespace fs = std::filesystem;

bool become_nobody() {
  constexpr id_t nobody = 65534;
  return geteuid() != 0 || (setgroups(0, nullptr) == 0 && setgid(nobody) == 0 && setuid(nobody) == 0);
}

bool mount_own_shm() {
  return unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("none", "/dev/shm", "tmpfs", 0, "size=64m,mode=1777") == 0;
}

// Open to those who gave up being root.
CommandTest::CommandTest() { fs::permissions(scratch(), fs::perms{0755}); }

fs::path CommandTest::write_file(std::string_view name, std::size_t size, std::uint64_t seed) const {
  test::write_file(scratch() / name, pattern(size, seed));
  return scratch() / name;
}

fs::path CommandTest::write_zeros(std::string_view name, std::uint64_t size) const {
  std::ofstream(scratch() / name).close();
  fs::resize_file(scratch() / name, size);
  return scratch() / name;
}

std::string CommandTest::read_file(std::string_view name) const {
  const auto bytes = test::read_file(scratch() / name);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool CommandTest::same(std::string_view one_name, std::string_view other_name) const {
  std::ifstream one(scratch() / one_name, std::ios::binary);
  std::ifstream other(scratch() / other_name, std::ios::binary);
  std::array<char, 65536> one_bytes;
  std::array<char, 65536> other_bytes;
  while (one && other) {
    one.read(one_bytes.data(), one_bytes.size());
    other.read(other_bytes.data(), other_bytes.size());
    const auto count = static_cast<std::size_t>(one.gcount());
    if (other.gcount() != one.gcount() ||
        !std::equal(one_bytes.begin(), one_bytes.begin() + one.gcount(), other_bytes.begin()))
      return false;
    if (count == 0) return true;
  }
  return one.eof() && other.eof();
}

std::vector<std::string> CommandTest::names_in(std::string_view directory) const {
  return test::names_in(scratch() / directory);
}

CommandTest::Running CommandTest::start(const Arguments& arguments, ChildProcess::Options options) const {
  if (options.directory == ".") options.directory = scratch();
  return std::make_unique<ChildProcess>(RGTP_COMMAND_PATH, arguments, options);
}

CommandTest::Ended CommandTest::run(const Arguments& arguments, ChildProcess::Options options) const {
  const auto process = start(arguments, std::move(options));
  const int code = process->wait();
  return {code, process->output(), process->errors()};
}

void CommandTest::expect_failure(int code, std::string_view message, const Arguments& arguments,
                                 ChildProcess::Options options) const {
  const Ended ended = run(arguments, std::move(options));
  EXPECT_EQ(ended.code, code) << ended.errors;
  EXPECT_EQ(ended.output, "");
  EXPECT_THAT(ended.errors, ::testing::StartsWith("rgtp: "));
  EXPECT_THAT(ended.errors, ::testing::HasSubstr(std::string(message)));
  EXPECT_EQ(std::ranges::count(ended.errors, '\n'), 1) << ended.errors;
}

CommandTest::Exposed CommandTest::expose(const Arguments& arguments) const {
  Arguments all = {"expose"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  Running process = start(all);
  const auto line = process->read_line();
  EXPECT_TRUE(line) << process->errors();
  return {std::move(process), line.value_or("")};
}

CommandTest::Running CommandTest::start_slow_pull(const std::string& locator,
                                                  const std::string& output) const {
  auto pull = start({"pull", locator, "-o", output, "--route", "udp", "--rate", slow_rate},
                    {.errors = Stream::terminal});
  // The progress bar shows nothing before there is a manifest.
  EXPECT_TRUE(pull->wait_for_error("%")) << pull->errors();
  return pull;
}

}  // namespace rgtp::test
