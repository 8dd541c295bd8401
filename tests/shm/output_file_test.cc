#include "shm/output_file.h"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "core/descriptor.h"
#include "shm/file_bytes.h"
#include "shm/os_faults.h"

namespace rgtp::shm {
namespace {

constexpr std::uint32_t unnamed_flag = O_TMPFILE & ~O_DIRECTORY;
const RefusedCall no_unnamed_files{SYS_openat, EOPNOTSUPP, 2, unnamed_flag};

std::shared_ptr<OutputFile> created(const fs::path& path, const Bytes& bytes,
                                    IfExists if_exists = IfExists::replace) {
  auto file = OutputFile::create(path, bytes.size(), if_exists);
  if (!file) {
    ADD_FAILURE() << file.error().message();
    return nullptr;
  }
  EXPECT_TRUE((*file)->write(0, bytes));
  return *file;
}

bool is_in_memory(const char* directory) {
  struct statfs system = {};
  return ::statfs(directory, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

// What a store to `bytes` would come to, asked of the kernel so that nothing dies of it.
bool memory_is_writable(std::span<const std::byte> bytes) {
  const int zero = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  const ssize_t got = ::read(zero, const_cast<std::byte*>(bytes.data()), 1);
  ::close(zero);
  return got == 1;
}

// Without and with a name before commit(): the promises are the same.

enum class Kept { unnamed, under_a_part_name };

class AnyOutputFile : public testing::TestWithParam<Kept> {
 protected:
  // Runs `body` where files are kept as the parameter says until they are committed.
  void run(const std::function<void()>& body) {
    if (GetParam() == Kept::unnamed) return body();
    if (!on_a_thread_refused({no_unnamed_files}, body)) GTEST_SKIP() << "no seccomp filters here";
  }

  TemporaryDirectory dir;
  fs::path target = dir / "out.bin";
  Bytes bytes = pattern(300'000);
};

INSTANTIATE_TEST_SUITE_P(OutputFile, AnyOutputFile, testing::Values(Kept::unnamed, Kept::under_a_part_name),
                         [](const auto& param) {
                           return param.param == Kept::unnamed ? "Unnamed" : "UnderAPartName";
                         });

TEST_P(AnyOutputFile, AppearsUnderItsNameOnlyAfterCommit) {
  run([&] {
    auto file = created(target, bytes);
    ASSERT_TRUE(file);
    EXPECT_FALSE(fs::exists(target));
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(read_file(target), bytes);
    EXPECT_EQ(names_in(dir.path()), std::vector<std::string>{"out.bin"});
    file.reset();
    EXPECT_EQ(read_file(target), bytes);
  });
}

TEST_P(AnyOutputFile, LeavesNothingBehindWhenDestroyedBeforeCommit) {
  run([&] {
    auto file = created(target, bytes);
    file.reset();
    EXPECT_TRUE(names_in(dir.path()).empty());
  });
}

TEST_P(AnyOutputFile, ReplacesWhatIsThereOnlyAtCommit) {
  const Bytes before = pattern(1000, 7);
  write_file(target, before);
  run([&] {
    auto file = created(target, bytes, IfExists::replace);
    ASSERT_TRUE(file);
    EXPECT_EQ(read_file(target), before);
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(read_file(target), bytes);
    EXPECT_EQ(names_in(dir.path()), std::vector<std::string>{"out.bin"});
  });
}

TEST_P(AnyOutputFile, RefusesToReplaceWhatAppearedMeanwhileAndMayTryAgain) {
  const Bytes other = pattern(1000, 7);
  run([&] {
    auto file = created(target, bytes, IfExists::refuse);
    ASSERT_TRUE(file);
    write_file(target, other);
    expect_error(file->commit(), Errc::already_exists, target.string());
    EXPECT_EQ(read_file(target), other);
    expect_error(file->write(0, other), Errc::invalid_argument, "complete");
    fs::remove(target);
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(read_file(target), bytes);
    EXPECT_EQ(names_in(dir.path()), std::vector<std::string>{"out.bin"});
  });
}

TEST_P(AnyOutputFile, LeavesNothingBehindAfterARefusedCommit) {
  write_file(target, pattern(10));
  for (const IfExists if_exists : {IfExists::refuse, IfExists::replace}) {
    run([&] {
      fs::remove_all(target);
      auto file = created(target, bytes, if_exists);
      ASSERT_TRUE(file);
      fs::create_directory(target);  // which no file can replace
      EXPECT_FALSE(file->commit());
      file.reset();
      EXPECT_EQ(names_in(dir.path()), std::vector<std::string>{"out.bin"});
    });
  }
}

TEST_P(AnyOutputFile, GetsMode0666LessTheUmask) {
  for (const mode_t mask : {mode_t{027}, mode_t{0}, mode_t{077}}) {
    run([&] {
      const mode_t before = ::umask(mask);
      auto file = created(target, bytes);
      ::umask(before);
      ASSERT_TRUE(file);
      ASSERT_TRUE(file->commit());
      struct stat status = {};
      ASSERT_EQ(::stat(target.c_str(), &status), 0);
      EXPECT_EQ(status.st_mode & 07777, 0666 & ~mask);
    });
  }
}

TEST_P(AnyOutputFile, MayBeEmpty) {
  run([&] {
    auto file = created(target, {});
    ASSERT_TRUE(file);
    EXPECT_EQ(file->size(), 0u);
    EXPECT_TRUE(file->mapped().empty());
    EXPECT_EQ(file->read(0, {}, ReadMode::may_block), ReadStatus::done);
    EXPECT_TRUE(file->write(0, {}));
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(fs::file_size(target), 0u);
  });
}

TEST_P(AnyOutputFile, StaysReadableWithoutItsName) {
  run([&] {
    auto file = created(target, bytes);
    ASSERT_TRUE(file);
    const auto view = file->mapped();
    ASSERT_TRUE(file->commit());
    fs::remove(target);
    EXPECT_EQ(copy(view), bytes);
    Bytes read(bytes.size());
    EXPECT_EQ(file->read(0, read, ReadMode::may_block), ReadStatus::done);
    EXPECT_EQ(read, bytes);
  });
}

TEST_P(AnyOutputFile, TakesALongName) {
  const std::string name(255, 'n');
  run([&] {
    write_file(dir / name, pattern(10));
    auto file = created(dir / name, bytes);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(read_file(dir / name), bytes);
  });
}

TEST(OutputFile, IsHiddenUnderADotNameThatEndsInPartWhereItNeedsOne) {
  TemporaryDirectory dir;
  const bool ran = on_a_thread_refused({no_unnamed_files}, [&] {
    auto file = created(dir / "out.bin", pattern(10));
    const auto names = names_in(dir.path());
    ASSERT_EQ(names.size(), 1u);
    EXPECT_TRUE(names[0].starts_with(".out.bin.")) << names[0];
    EXPECT_TRUE(names[0].ends_with(".part")) << names[0];
    EXPECT_EQ(names[0].size(), std::strlen(".out.bin.XXXXXX.part"));
    ASSERT_TRUE(file->commit());
    write_file(dir / names[0], {});  // somebody else's now
    file.reset();
    EXPECT_TRUE(fs::exists(dir / names[0]));
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

TEST(OutputFile, RefusesToReplaceWithoutRenameat2Too) {
  TemporaryDirectory dir;
  const fs::path target = dir / "out.bin";
  const Bytes bytes = pattern(5000);
  const bool ran = on_a_thread_refused({no_unnamed_files, {SYS_renameat2, EINVAL}}, [&] {
    auto file = created(target, bytes, IfExists::refuse);
    ASSERT_TRUE(file);
    write_file(target, {});
    expect_error(file->commit(), Errc::already_exists, target.string());
    EXPECT_EQ(fs::file_size(target), 0u);
    fs::remove(target);
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(names_in(dir.path()), std::vector<std::string>{"out.bin"});
    EXPECT_EQ(read_file(target), bytes);
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

TEST(OutputFile, IsReservedBeforeItIsWrittenUnlessItIsInMemory) {
  for (const char* parent : {"/var/tmp", "/dev/shm"}) {
    const bool in_memory = is_in_memory(parent);
    const fs::path path = fs::path(parent) / ("rgtp-output-file-test-" + std::to_string(::getpid()));
    auto file = OutputFile::create(path, 1'000'001, IfExists::replace);
    ASSERT_TRUE(file) << file.error().message();
    ASSERT_TRUE((*file)->commit());
    struct stat status = {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    fs::remove(path);
    EXPECT_EQ(copy((*file)->mapped()), Bytes(1'000'001));
    EXPECT_EQ(status.st_size, 1'000'001);
    EXPECT_EQ(status.st_blocks * 512 >= 1'000'001, !in_memory) << parent;
  }
}

TEST(OutputFile, UnderACapacityTakesWhatIsWritten) {
  constexpr std::uint64_t capacity = std::uint64_t{1} << 42;
  const Bytes bytes = pattern(100'000);
  for (const char* parent : {"/var/tmp", "/dev/shm"}) {
    const fs::path path = fs::path(parent) / ("rgtp-output-file-test-" + std::to_string(::getpid()));
    expect_error(OutputFile::create(path, capacity, IfExists::replace), Errc::no_space, "make room");
    auto file = OutputFile::create(path, capacity, IfExists::replace, Space::as_written);
    ASSERT_TRUE(file) << file.error().message();
    ASSERT_TRUE((*file)->write(0, bytes));
    ASSERT_TRUE((*file)->commit(bytes.size()));
    EXPECT_EQ(read_file(path), bytes);
    fs::remove(path);
  }
}

TEST(OutputFile, IsWrittenWhereTheFileSystemCannotReserve) {
  TemporaryDirectory dir;
  const bool ran = on_a_thread_refused({{SYS_fallocate, EOPNOTSUPP}}, [&] {
    auto file = created(dir / "out.bin", pattern(100'000));
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(read_file(dir / "out.bin"), pattern(100'000));
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

// Over a network a write may succeed for which there is no room.
TEST(OutputFile, AsksAtTheEndWhetherThereWasRoomWhereNothingCouldBeReserved) {
  if (is_in_memory("/var/tmp")) GTEST_SKIP() << "nothing is reserved in memory";
  const fs::path path = "/var/tmp/rgtp-output-file-test-" + std::to_string(::getpid());
  const bool ran = on_a_thread_refused({{SYS_fallocate, EOPNOTSUPP}, {SYS_fdatasync, ENOSPC}}, [&] {
    auto file = created(path, pattern(10));
    expect_error(file->commit(), Errc::no_space, "cannot write");
    EXPECT_FALSE(fs::exists(path));
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

TEST(OutputFile, SaysAtOnceThatWhatExistsIsNotReplaced) {
  TemporaryDirectory dir;
  write_file(dir / "out.bin", pattern(10));
  const auto file = OutputFile::create(dir / "out.bin", 10, IfExists::refuse);
  expect_error(file, Errc::already_exists, (dir / "out.bin").string());
  expect_error(file, Errc::already_exists, "remove it, choose another name");
}

TEST(OutputFile, CountsADanglingLinkAsExisting) {
  TemporaryDirectory dir;
  fs::create_symlink(dir / "nowhere", dir / "out.bin");
  expect_error(OutputFile::create(dir / "out.bin", 10, IfExists::refuse), Errc::already_exists, "out.bin");
}

TEST(OutputFile, ReplacesALinkAndNotWhatItPointsTo) {
  TemporaryDirectory dir;
  write_file(dir / "precious", pattern(10));
  fs::create_symlink(dir / "precious", dir / "out.bin");
  ASSERT_TRUE(created(dir / "out.bin", pattern(20))->commit());
  EXPECT_EQ(read_file(dir / "precious"), pattern(10));
  EXPECT_FALSE(fs::is_symlink(dir / "out.bin"));
  EXPECT_EQ(read_file(dir / "out.bin"), pattern(20));
}

TEST(OutputFile, NeedsADirectoryThatExists) {
  TemporaryDirectory dir;
  write_file(dir / "file", {});
  for (const char* parent : {"missing", "file"}) {
    const fs::path path = dir.path() / parent / "out.bin";
    const auto file = OutputFile::create(path, 10, IfExists::replace);
    expect_error(file, Errc::not_found, path.string());
    expect_error(file, Errc::not_found, "create the directory or choose another");
  }
}

TEST(OutputFile, IsNoDirectoryAndNoDevice) {
  TemporaryDirectory dir;
  fs::create_directory(dir / "sub");
  fs::create_directory_symlink(dir / "sub", dir / "link");
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  for (const fs::path& path : {dir / "sub", dir / "sub/", dir / "link", dir / "fifo", dir / ".", dir / "..",
                               fs::path(), fs::path("/"), fs::path("/dev/null")})
    expect_error(OutputFile::create(path, 10, IfExists::replace), Errc::invalid_argument,
                 "'" + path.string() + "'");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(OutputFile, IsDeniedWhereTheDirectoryIsNotOurs) {
  TemporaryDirectory dir;
  fs::create_directory(dir / "locked");
  ASSERT_EQ(::chmod((dir / "locked").c_str(), 0555), 0);
  const bool ran = on_a_thread_without_capabilities([&] {
    const auto file = OutputFile::create(dir / "locked/out.bin", 10, IfExists::replace);
    expect_error(file, Errc::denied, (dir / "locked/out.bin").string());
    expect_error(file, Errc::denied, "choose a directory");
  });
  if (!ran) GTEST_SKIP() << "capabilities cannot be dropped here";
}

TEST(OutputFile, SaysHowMuchSpaceItNeedsAndHowMuchIsFree) {
  TemporaryDirectory dir;
  const bool ran = on_a_thread_with_a_small_disk(dir.path(), 1 << 20, [&] {
    const auto file = OutputFile::create(dir / "out.bin", 2'000'000, IfExists::replace);
    expect_error(file, Errc::no_space, (dir / "out.bin").string());
    expect_error(file, Errc::no_space, "it needs 2000000 bytes, and 1048576 are free");
    expect_error(file, Errc::no_space, "make room");
    EXPECT_TRUE(names_in(dir.path()).empty());
    EXPECT_TRUE(OutputFile::create(dir / "out.bin", 1'000'000, IfExists::replace));
  });
  if (!ran) GTEST_SKIP() << "a disk of its own for this test needs root";
}

TEST(OutputFile, FillsTheDiskToItsLastByteWithoutASignal) {
  TemporaryDirectory dir;
  const bool ran = on_a_thread_with_a_small_disk(dir.path(), 1 << 20, [&] {
    auto file = OutputFile::create(dir / "out.bin", 1 << 20, IfExists::replace);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_TRUE((*file)->write(0, pattern(1 << 20)));
    expect_error(OutputFile::create(dir / "more", 1, IfExists::replace), Errc::no_space,
                 "it needs 1 bytes, and 0 are free");
    EXPECT_TRUE((*file)->commit());
  });
  if (!ran) GTEST_SKIP() << "a disk of its own for this test needs root";
}

TEST(OutputFile, ReportsADiskThatIsFullBeforeItIsWritten) {
  TemporaryDirectory dir;
  const bool ran = on_a_thread_with_a_small_disk(dir.path(), 1 << 20, [&] {
    auto file = OutputFile::create(dir / "out.bin", 1 << 20, IfExists::replace);
    ASSERT_TRUE(file) << file.error().message();
    write_file(dir / "other", pattern(1 << 19));
    const auto full = (*file)->write(0, pattern(1 << 20));
    expect_error(full, Errc::no_space, (dir / "out.bin").string());
    expect_error(full, Errc::no_space, "it needs 1048576 bytes, and 0 are free");
  });
  if (!ran) GTEST_SKIP() << "a disk of its own for this test needs root";
}

TEST(OutputFile, ReportsADiskThatFillsUpWhileSpaceIsReserved) {
  if (is_in_memory("/var/tmp")) GTEST_SKIP() << "nothing is reserved in memory";
  for (const int error : {ENOSPC, EDQUOT}) {
    const bool ran = on_a_thread_refused({{SYS_fallocate, error}}, [&] {
      expect_error(OutputFile::create("/var/tmp/rgtp-output-file-test-" + std::to_string(::getpid()), 12345,
                                      IfExists::replace),
                   Errc::no_space, "it needs 12345 bytes");
    });
    if (!ran) GTEST_SKIP() << "no seccomp filters here";
  }
}

TEST(OutputFile, IsNeverLargerThanAnyDisk) {
  TemporaryDirectory dir;
  for (const std::uint64_t size : {std::uint64_t{1} << 62, UINT64_MAX})
    expect_error(OutputFile::create(dir / "out.bin", size, IfExists::replace), Errc::no_space,
                 "it needs " + std::to_string(size) + " bytes");
}

TEST(OutputFile, ReportsAMappingThatFailsAsAnError) {
  TemporaryDirectory dir;
  const bool ran = on_a_thread_refused({{SYS_mmap, ENODEV, 3, MAP_SHARED}}, [&] {
    expect_error(OutputFile::create(dir / "out.bin", 10, IfExists::replace), Errc::io_error, "cannot map");
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(names_in(dir.path()).empty());
}

TEST(OutputFile, ShowsWhatIsWrittenInEveryWay) {
  TemporaryDirectory dir;
  auto file = created(dir / "out.bin", Bytes(10'000));
  ASSERT_TRUE(file->write(5000, pattern(3000)));
  EXPECT_EQ(copy(file->mapped().subspan(5000, 3000)), pattern(3000));
  ASSERT_TRUE(file->write(0, pattern(100, 9)));
  Bytes read(100);
  EXPECT_EQ(file->read(0, read, ReadMode::may_block), ReadStatus::done);
  EXPECT_EQ(read, pattern(100, 9));
}

// Bytes of a file from somewhere in it, and the same in memory where they are to be had there.
class CopiedRegion : public Region {
 public:
  CopiedRegion(const fs::path& file, std::uint64_t offset, std::uint64_t size,
               std::span<const std::byte> mapped)
      : file_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)), offset_(offset), size_(size), mapped_(mapped) {}
  std::uint64_t size() const override { return size_; }
  Result<ReadStatus> read(std::uint64_t, std::span<std::byte>, ReadMode) const override {
    return fail(Errc::io_error, "it is copied");
  }
  Result<void> write(std::uint64_t, std::span<const std::byte>) override {
    return fail(Errc::io_error, "it is copied");
  }
  std::span<const std::byte> mapped() const override { return mapped_; }
  std::span<std::byte> writable() override { return {}; }
  std::optional<InFile> in_file() const override { return InFile{file_.get(), offset_}; }

 private:
  const core::Descriptor file_;
  const std::uint64_t offset_;
  const std::uint64_t size_;
  const std::span<const std::byte> mapped_;
};

TEST(OutputFile, IsCopiedIntoInsideTheKernelWithinAFileSystem) {
  for (const fs::path& in : {fs::path("/dev/shm"), fs::temp_directory_path()}) {
    TemporaryDirectory dir(in);
    const Bytes bytes = pattern(300'000);
    write_file(dir / "in.bin", bytes);
    auto file = created(dir / "out.bin", Bytes(200'000));
    // No memory to fall back to.
    const CopiedRegion region(dir / "in.bin", 1000, 299'000, {});
    ASSERT_TRUE(file->copy(region, 50'000, 100'000, 100'000)) << in;
    EXPECT_EQ(copy(file->mapped().subspan(100'000)), copy(std::span(bytes).subspan(51'000, 100'000)));
    EXPECT_EQ(copy(file->mapped().first(100'000)), Bytes(100'000));
  }
}

TEST(OutputFile, IsCopiedIntoFromMemoryWhereTheKernelDoesNot) {
  const Bytes bytes = pattern(300'000);
  for (const int error : {EXDEV, EINVAL, ENOSYS, EOPNOTSUPP}) {
    const bool ran = on_a_thread_refused({{SYS_copy_file_range, error}}, [&] {
      TemporaryDirectory dir;
      write_file(dir / "in.bin", bytes);
      auto file = created(dir / "out.bin", Bytes(200'000));
      const CopiedRegion region(dir / "in.bin", 0, bytes.size(), bytes);
      for (int part = 0; part < 2; ++part) ASSERT_TRUE(file->copy(region, 50'000, part * 100'000U, 100'000));
      EXPECT_EQ(copy(file->mapped().first(100'000)), copy(std::span(bytes).subspan(50'000, 100'000)));
      EXPECT_EQ(copy(file->mapped().subspan(100'000)), copy(std::span(bytes).subspan(50'000, 100'000)));
    });
    if (!ran) GTEST_SKIP() << "no seccomp filters here";
  }
}

TEST(OutputFile, SaysThatWhatIsCopiedWasCutShort) {
  TemporaryDirectory dir;
  write_file(dir / "in.bin", pattern(10'000));
  auto file = created(dir / "out.bin", Bytes(20'000));
  const CopiedRegion shorter(dir / "in.bin", 0, 20'000, {});
  expect_error(file->copy(shorter, 0, 0, 20'000), Errc::source_changed, "cut short");
  // Memory that cannot be read.
  void* const gone = ::mmap(nullptr, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool ran = on_a_thread_refused({{SYS_copy_file_range, EXDEV}}, [&] {
    const CopiedRegion unreadable(dir / "in.bin", 0, 8192, {static_cast<const std::byte*>(gone), 8192});
    expect_error(file->copy(unreadable, 0, 0, 8192), Errc::source_changed, "cut short");
  });
  ::munmap(gone, 8192);
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

TEST(OutputFile, FillsTheDiskByCopyingWithoutASignal) {
  TemporaryDirectory dir;
  const bool ran = on_a_thread_with_a_small_disk(dir.path(), 1024 * 1024, [&] {
    write_file(dir / "in.bin", pattern(700'000));
    auto file = OutputFile::create(dir / "out.bin", 700'000, IfExists::replace, Space::as_written).value();
    const CopiedRegion region(dir / "in.bin", 0, 700'000, {});
    expect_error(file->copy(region, 0, 0, 700'000), Errc::no_space, "it needs 700000 bytes");
  });
  if (!ran) GTEST_SKIP() << "no mount namespace can be made here";
}

TEST(OutputFile, IsWrittenByCallsAloneAndNotAfterCommit) {
  TemporaryDirectory dir;
  auto file = created(dir / "out.bin", pattern(10'000));
  EXPECT_FALSE(memory_is_writable(file->mapped()));
  EXPECT_TRUE(file->writable().empty());
  ASSERT_TRUE(file->commit());
  EXPECT_FALSE(memory_is_writable(file->mapped().subspan(9999)));
  expect_error(file->write(0, pattern(10)), Errc::invalid_argument, "out.bin");
}

TEST(OutputFile, CommitsOnce) {
  TemporaryDirectory dir;
  auto file = created(dir / "out.bin", pattern(10));
  ASSERT_TRUE(file->commit());
  fs::remove(dir / "out.bin");
  expect_error(file->commit(), Errc::invalid_argument, "commit once");
  EXPECT_TRUE(names_in(dir.path()).empty());
}

TEST(OutputFile, SaysThatItsDirectoryIsGone) {
  TemporaryDirectory dir;
  fs::create_directory(dir / "sub");
  auto file = created(dir / "sub/out.bin", pattern(10));
  fs::remove(dir / "sub");
  expect_error(file->commit(), Errc::not_found, (dir / "sub/out.bin").string());
}

TEST(OutputFile, GoesWhereARelativePathLedWhenItWasCreated) {
  TemporaryDirectory dir;
  const fs::path before = fs::current_path();
  fs::current_path(dir.path());
  auto file = created("out.bin", pattern(10));
  fs::current_path(before);
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(read_file(dir / "out.bin"), pattern(10));
}

TEST(OutputFile, CutShortIsAnErrorToARead) {
  TemporaryDirectory dir;
  auto file = created(dir / "out.bin", pattern(20'000));
  ASSERT_TRUE(file->commit());
  fs::resize_file(dir / "out.bin", 5000);
  Bytes read(10'000);
  expect_error(file->read(0, read, ReadMode::may_block), Errc::source_changed, "ends at byte 5000");
}

TEST(OutputFile, OfAProcessThatDiesLeavesNothingBehind) {
  TemporaryDirectory dir;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto file = OutputFile::create(dir / "out.bin", 1000, IfExists::replace);
    ::_exit(file ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  if (!names_in(dir.path()).empty() && names_in(dir.path())[0].ends_with(".part"))
    GTEST_SKIP() << "no O_TMPFILE in " << dir.path();
  EXPECT_TRUE(names_in(dir.path()).empty());
}

}  // namespace
}  // namespace rgtp::shm
