#include "shm/open_files.h"

#include <array>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace rgtp::shm {
namespace {

class OpenFilesTest : public testing::Test {
 protected:
  static OpenFiles::File open_something() {
    return std::make_shared<const core::Descriptor>(
        core::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  }
  static bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
  // Keeps one under the key and returns its number.
  int keep(std::size_t key) {
    auto file = open_something();
    const int fd = file->get();
    files_.keep(&keys_[key], std::move(file));
    return fd;
  }
  OpenFiles::File find(std::size_t key) { return files_.find(&keys_[key]); }

  std::array<char, 2 * OpenFiles::most> keys_ = {};
  OpenFiles files_;
};

TEST_F(OpenFilesTest, AreFoundUntilTheyAreDropped) {
  const int fd = keep(0);
  ASSERT_NE(find(0), nullptr);
  EXPECT_EQ(find(0)->get(), fd);
  EXPECT_EQ(find(1), nullptr);
  files_.drop(&keys_[0]);
  files_.drop(&keys_[1]);
  EXPECT_EQ(find(0), nullptr);
  EXPECT_FALSE(is_open(fd));
}

TEST_F(OpenFilesTest, TheOneThatWasNotUsedForLongestIsClosedForANewOne) {
  for (std::size_t key = 0; key < OpenFiles::most; ++key) keep(key);
  EXPECT_NE(find(0), nullptr);
  keep(OpenFiles::most);
  EXPECT_NE(find(0), nullptr);
  EXPECT_EQ(find(1), nullptr);
  for (std::size_t key = 2; key <= OpenFiles::most; ++key) EXPECT_NE(find(key), nullptr) << key;
}

TEST_F(OpenFilesTest, OneThatIsHeldIsClosedWithItsLastHolder) {
  const int fd = keep(0);
  auto held = find(0);
  for (std::size_t key = 1; key <= OpenFiles::most; ++key) keep(key);
  EXPECT_EQ(find(0), nullptr);
  EXPECT_TRUE(is_open(fd));
  held.reset();
  EXPECT_FALSE(is_open(fd));
}

TEST_F(OpenFilesTest, ANewOneOfTheSameKeyTakesThePlaceOfTheOld) {
  const int old = keep(0);
  const int fresh = keep(0);
  EXPECT_EQ(find(0)->get(), fresh);
  EXPECT_FALSE(is_open(old));
}

}  // namespace
}  // namespace rgtp::shm
