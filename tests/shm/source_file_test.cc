#include "shm/source_file.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "shm/file_bytes.h"
#include "shm/os_faults.h"

namespace rgtp::shm {
namespace {

const RefusedCall no_nowait{SYS_preadv2, EOPNOTSUPP, 5, RWF_NOWAIT};
const RefusedCall nothing_cached{SYS_preadv2, EAGAIN, 5, RWF_NOWAIT};

class SourceFileTest : public testing::Test {
 protected:
  void SetUp() override { write_file(path, bytes); }

  std::shared_ptr<SourceFile> opened() {
    auto file = SourceFile::open(path);
    EXPECT_TRUE(file) << file.error().message();
    return file.value_or(nullptr);
  }

  TemporaryDirectory dir;
  fs::path path = dir / "in.bin";
  Bytes bytes = pattern(300'000);
};

TEST_F(SourceFileTest, ReadsAnyRange) {
  const auto file = opened();
  EXPECT_EQ(file->size(), bytes.size());
  EXPECT_EQ(file->path(), path);
  EXPECT_TRUE(file->mapped().empty());
  EXPECT_TRUE(file->writable().empty());
  for (const auto& [offset, length] :
       {std::pair<std::size_t, std::size_t>{0, 300'000}, {4095, 4098}, {300'000, 0}, {299'999, 1}}) {
    Bytes read(length);
    ASSERT_EQ(file->read(offset, read, ReadMode::may_block), ReadStatus::done);
    EXPECT_TRUE(std::equal(read.begin(), read.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset)));
  }
  EXPECT_TRUE(file->check_unchanged(ReadMode::may_block));
}

TEST_F(SourceFileTest, IsNotWritten) {
  expect_error(opened()->write(0, pattern(1, 99)), Errc::invalid_argument, path.string());
  EXPECT_EQ(read_file(path), bytes);
}

TEST_F(SourceFileTest, MayBeEmptyAndReachedThroughALink) {
  write_file(path, {});
  fs::create_symlink(path, dir / "link");
  const auto file = SourceFile::open(dir / "link");
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->size(), 0u);
  EXPECT_EQ((*file)->read(0, {}, ReadMode::cached_only), ReadStatus::done);
}

TEST_F(SourceFileTest, CutShortIsAnErrorAndNoSignal) {
  const auto file = opened();
  fs::resize_file(path, 100'000);
  Bytes read(100'000);
  EXPECT_EQ(file->read(0, read, ReadMode::may_block), ReadStatus::done);
  for (const ReadMode mode : {ReadMode::may_block, ReadMode::cached_only}) {
    expect_error(file->read(50'000, read, mode), Errc::source_changed, "ends at byte 100000");
    expect_error(file->read(200'000, read, mode), Errc::source_changed, path.string());
  }
  expect_error(file->check_unchanged(ReadMode::may_block), Errc::source_changed, path.string());
}

TEST_F(SourceFileTest, SeesThatOnlyTheSizeOrOnlyTheTimesDiffer) {
  const auto file = opened();
  struct stat status = {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  const timespec later[2] = {status.st_atim, {status.st_mtim.tv_sec + 1, status.st_mtim.tv_nsec}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), later, 0), 0);
  expect_error(file->check_unchanged(ReadMode::may_block), Errc::source_changed, path.string());

  // Contents rewritten and mtime put back: ctime tells, once the file system's clock has ticked.
  const auto again = opened();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  write_file(path, pattern(300'000, 5));
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), later, 0), 0);
  expect_error(again->check_unchanged(ReadMode::may_block), Errc::source_changed, path.string());

  const auto longer = opened();
  fs::resize_file(path, 300'001);
  expect_error(longer->check_unchanged(ReadMode::may_block), Errc::source_changed, path.string());
}

TEST_F(SourceFileTest, StillReadsWhatWasReplacedButSaysSo) {
  const auto file = opened();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the file system's clock ticks
  write_file(dir / "new", pattern(300'000, 5));
  fs::rename(dir / "new", path);
  Bytes read(bytes.size());
  EXPECT_EQ(file->read(0, read, ReadMode::may_block), ReadStatus::done);
  EXPECT_EQ(read, bytes);
  expect_error(file->check_unchanged(ReadMode::may_block), Errc::source_changed, path.string());
}

// Others that are opened until this one was closed.
class ManyFilesTest : public SourceFileTest {
 protected:
  void open_others() {
    for (std::size_t i = 0; i < OpenFiles::most; ++i) {
      const fs::path file = dir / std::to_string(made++);
      write_file(file, pattern(100, i));
      others.push_back(SourceFile::open(file).value());
    }
  }
  static std::size_t open_descriptors() { return names_in("/proc/self/fd").size(); }

  std::vector<std::shared_ptr<SourceFile>> others;
  int made = 0;
};

TEST_F(ManyFilesTest, OfManyOnlySomeAreOpenAndAllAreRead) {
  const std::size_t before = open_descriptors();
  open_others();
  open_others();
  EXPECT_LE(open_descriptors(), before + OpenFiles::most);
  for (int round = 0; round < 2; ++round)
    for (std::size_t i = 0; i < others.size(); ++i) {
      Bytes read(100);
      ASSERT_EQ(others[i]->read(0, read, ReadMode::may_block), ReadStatus::done);
      ASSERT_EQ(read, pattern(100, i % OpenFiles::most));
    }
  EXPECT_LE(open_descriptors(), before + OpenFiles::most);
  others.clear();
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(ManyFilesTest, OneThatWasClosedIsOpenedAgainWithoutWaitingWhereItsNameIsInMemory) {
  const auto file = opened();
  open_others();
  Bytes read(bytes.size());
  const auto status = file->read(0, read, ReadMode::cached_only);
  ASSERT_TRUE(status) << status.error().message();
  if (*status == ReadStatus::would_block) GTEST_SKIP() << "a kernel before 5.12";
  EXPECT_EQ(read, bytes);
  EXPECT_TRUE(file->check_unchanged(ReadMode::may_block));
}

TEST_F(ManyFilesTest, OneThatWasChangedWhileItWasClosedIsNotReadNorFoundUnchanged) {
  const auto expect_changed = [&](const SourceFile& file) {
    Bytes read(100);
    expect_error(file.check_unchanged(ReadMode::may_block), Errc::source_changed, path.string());
    for (const ReadMode mode : {ReadMode::cached_only, ReadMode::may_block})
      expect_error(file.read(0, read, mode), Errc::source_changed, path.string());
    expect_error(file.check_unchanged(ReadMode::may_block), Errc::source_changed, path.string());
  };
  const auto replaced = opened();
  open_others();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the file system's clock ticks
  write_file(dir / "new", bytes);
  fs::rename(dir / "new", path);
  expect_changed(*replaced);
  const auto written = opened();
  others.clear();
  open_others();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  write_file(path, pattern(bytes.size(), 5));
  expect_changed(*written);
  const auto removed = opened();
  others.clear();
  open_others();
  fs::remove(path);
  expect_changed(*removed);
}

TEST_F(ManyFilesTest, OneThatWasClosedIsFoundWhereverThisProcessWent) {
  const fs::path before = fs::current_path();
  fs::current_path(dir.path());
  const auto file = SourceFile::open("in.bin").value();
  fs::current_path("/");
  open_others();
  Bytes read(bytes.size());
  EXPECT_EQ(file->read(0, read, ReadMode::may_block), ReadStatus::done);
  EXPECT_TRUE(file->check_unchanged(ReadMode::may_block));
  fs::current_path(before);
}

TEST_F(SourceFileTest, IsAnErrorWhereItIsMissing) {
  expect_error(SourceFile::open(dir / "missing"), Errc::not_found, (dir / "missing").string());
  expect_error(SourceFile::open(path / "below"), Errc::not_found, (path / "below").string());
  expect_error(SourceFile::open(""), Errc::not_found, "''");
}

TEST_F(SourceFileTest, IsNoDirectoryAndNoDevice) {
  expect_error(SourceFile::open(dir.path()), Errc::invalid_argument, dir.path().string());
  expect_error(SourceFile::open("/dev/zero"), Errc::invalid_argument, "not a regular file");
}

TEST_F(SourceFileTest, IsNotHeldUpByAFifo) {
  const fs::path fifo = dir / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  auto file = std::async(std::launch::async, [&] { return SourceFile::open(fifo); });
  const bool returned = file.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
  EXPECT_TRUE(returned);
  if (!returned) ::close(::open(fifo.c_str(), O_RDWR | O_NONBLOCK));  // releases the thread
  expect_error(file.get(), Errc::invalid_argument, fifo.string());
}

TEST_F(SourceFileTest, IsDeniedWhereItMayNotBeRead) {
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  const bool ran = on_a_thread_without_capabilities(
      [&] { expect_error(SourceFile::open(path), Errc::denied, path.string()); });
  if (!ran) GTEST_SKIP() << "capabilities cannot be dropped here";
}

TEST_F(SourceFileTest, WouldBlockWhereTheCacheLacksSomeOfIt) {
  const auto file = opened();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool evicted = ::fsync(fd) == 0 && ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);  // no more than the one page
  std::byte first{};
  const bool cached = ::pread(fd, &first, 1, 0) == 1;
  ::close(fd);
  ASSERT_TRUE(evicted && cached);
  Bytes read(bytes.size());
  const auto cold = file->read(0, read, ReadMode::cached_only);
  ASSERT_TRUE(cold);
  if (*cold == ReadStatus::done) GTEST_SKIP() << dir.path() << " is always cached or knows no RWF_NOWAIT";
  ASSERT_EQ(file->read(0, std::span(read).first(100), ReadMode::cached_only), ReadStatus::done);
  ASSERT_EQ(file->read(0, read, ReadMode::may_block), ReadStatus::done);
  std::ranges::fill(read, std::byte{});
  EXPECT_EQ(file->read(0, read, ReadMode::cached_only), ReadStatus::done);
  EXPECT_EQ(read, bytes);
}

TEST_F(SourceFileTest, IsReadPlainlyForGoodWhereNowaitIsUnknown) {
  const auto file = opened();
  const auto read_whole = [&] {
    Bytes read(bytes.size());
    auto status = file->read(0, read, ReadMode::cached_only);
    EXPECT_TRUE(!status || *status == ReadStatus::would_block || read == bytes);
    return status;
  };
  const bool ran =
      on_a_thread_refused({nothing_cached}, [&] { EXPECT_EQ(read_whole(), ReadStatus::would_block); });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
  on_a_thread_refused({no_nowait}, [&] { EXPECT_EQ(read_whole(), ReadStatus::done); });
  on_a_thread_refused({nothing_cached}, [&] { EXPECT_EQ(read_whole(), ReadStatus::done); });
}

TEST_F(SourceFileTest, IsReadByManyThreadsAtOnce) {
  const auto file = opened();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Bytes read(7001);
      for (std::size_t i = 0; i < 200; ++i) {
        const std::size_t offset = (i * 7919 + t * 104'729) % (bytes.size() - read.size());
        const auto mode = i % 2 == 0 ? ReadMode::may_block : ReadMode::cached_only;
        const auto status = file->read(offset, read, mode);
        const bool good = status && (*status == ReadStatus::would_block ||
                                     std::ranges::equal(read, std::span(bytes).subspan(offset, read.size())));
        if (!good) ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace rgtp::shm
