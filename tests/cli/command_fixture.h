// What tests of the rgtp command share: a scratch directory, files in it, and the command at work there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace rgtp::test {

// The exit codes that `rgtp --help` promises to scripts, repeated here because they may not change.
namespace exit_code {
inline constexpr int ok = 0;
inline constexpr int failure = 1;
inline constexpr int usage = 2;
inline constexpr int no_surface = 3;
inline constexpr int unreachable = 4;
inline constexpr int denied = 5;
inline constexpr int no_space = 6;
inline constexpr int not_found = 7;
inline constexpr int already_exists = 8;
inline constexpr int exposer_ended = 9;
inline constexpr int timed_out = 10;
inline constexpr int bad_data = 11;
inline constexpr int address_in_use = 12;
inline constexpr int wrong_key = 13;
inline constexpr int interrupted = 130;
inline constexpr int terminated = 143;
}  // namespace exit_code

// In a child before it becomes the program: it goes on as somebody who owns nothing, unless it is nobody's
// already.
bool become_nobody();
// For this process, or a child, and what it starts from now on: a /dev/shm of its own, empty. False where
// that is not permitted.
bool mount_own_shm();

class CommandTest : public ::testing::Test {
 protected:
  using Arguments = std::vector<std::string>;
  using Running = std::unique_ptr<ChildProcess>;

  // What takes seconds to pull at slow_rate, so that something can happen on the way.
  static constexpr std::uint64_t big = 256 * 1024 * 1024;
  static inline const std::string slow_rate = "100MB";

  CommandTest();
  // Other tests that run at the same time use the host's /dev/shm.
  void SetUp() override { has_own_shm_ = mount_own_shm(); }

  const std::filesystem::path& scratch() const { return scratch_.path(); }
  // A file of pattern bytes; one of zeros costs nothing to make, however large.
  std::filesystem::path write_file(std::string_view name, std::size_t size, std::uint64_t seed = 1) const;
  std::filesystem::path write_zeros(std::string_view name, std::uint64_t size) const;
  std::string read_file(std::string_view name) const;
  bool same(std::string_view one_name, std::string_view other_name) const;
  // Every name in a directory below scratch, in order.
  std::vector<std::string> names_in(std::string_view directory) const;

  // `rgtp arguments...` in scratch, unless the options say otherwise.
  Running start(const Arguments& arguments, ChildProcess::Options options = {}) const;
  // The same up to its end.
  struct Ended {
    int code = 0;
    std::string output;
    std::string errors;
  };
  Ended run(const Arguments& arguments, ChildProcess::Options options = {}) const;
  // It ends with `code`, nothing on stdout, and one line on stderr that holds `message`.
  void expect_failure(int code, std::string_view message, const Arguments& arguments,
                      ChildProcess::Options options = {}) const;

  // An exposer of one file, and the locator that it printed.
  struct Exposed {
    Running process;
    std::string locator;
  };
  Exposed expose(const Arguments& arguments) const;
  // A pull into `output` that is under way: the manifest has come, the last chunk has not.
  Running start_slow_pull(const std::string& locator, const std::string& output) const;

  bool has_own_shm() const { return has_own_shm_; }

 private:
  const TemporaryDirectory scratch_;
  bool has_own_shm_ = false;
};

}  // namespace rgtp::test
