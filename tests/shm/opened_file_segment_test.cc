// Segments that name a file: the header's path may lead anywhere by the time that it is opened.
#include <thread>

#include <fcntl.h>

#include "shm/os_faults.h"
#include "shm/segment_fixture.h"
#include "shm/source_file.h"

namespace rgtp::shm {
namespace {

class OpenedFileSegmentTest : public SegmentTest {
 protected:
  void SetUp() override { write_file(file_, bytes_); }

  // The file as it is now.
  Exposed expose_file() {
    const SegmentHeader header{.kind = RegionKind::file,
                               .owner = {},
                               .manifest = manifest_,
                               .file = {.path = file_, .stamp = stamp_of(status_of(file_))}};
    Exposed exposed(ExposedSegment::create(directory_.path(), header, Access::owner()).value(),
                    test::published_store(manifest_, bytes_));
    EXPECT_TRUE(exposed.segment->link());
    return exposed;
  }
  // Behind it the file system's clock has ticked.
  static void tick() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

  const TemporaryDirectory files_;
  const fs::path file_ = files_ / "surface.bin";
};

TEST_F(OpenedFileSegmentTest, IsServedFromTheFile) {
  const Exposed exposed = expose_file();
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_TRUE((*opened)->is_file());
  EXPECT_TRUE(std::ranges::equal((*opened)->mapped(), bytes_));
  EXPECT_TRUE((*opened)->check_unchanged(ReadMode::may_block));
  EXPECT_EQ(read_all(**opened), bytes_);
  // The segment itself holds none of the bytes.
  EXPECT_LE(fs::file_size(object()), 4096U);
}

TEST_F(OpenedFileSegmentTest, IsCopiedFromInsideTheKernel) {
  const Exposed exposed = expose_file();
  const auto ran = is_copied_inside_the_kernel(*open().value(), files_.path());
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(*ran);
}

TEST_F(OpenedFileSegmentTest, MayBeEmpty) {
  write_file(file_, {});
  const Manifest manifest = test::manifest_of(0);
  const SegmentHeader header{.kind = RegionKind::file,
                             .owner = {},
                             .manifest = manifest,
                             .file = {.path = file_, .stamp = stamp_of(status_of(file_))}};
  const auto segment = ExposedSegment::create(directory_.path(), header, Access::owner()).value();
  segment->on_state(SurfaceState::finished);
  ASSERT_TRUE(segment->link());
  const auto opened = OpenedSegment::open(directory_.path(), manifest.id, Trust());
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_TRUE((*opened)->mapped().empty());
  EXPECT_TRUE((*opened)->region().is_memory());
  segment->withdraw();
}

TEST_F(OpenedFileSegmentTest, AMissingFileIsNotFound) {
  const Exposed exposed = expose_file();
  fs::remove(file_);
  expect_not_opened(Errc::not_found, file_.string());
}

TEST_F(OpenedFileSegmentTest, AReplacedFileIsAnother) {
  const Exposed exposed = expose_file();
  write_file(files_ / "new", bytes_);
  fs::rename(files_ / "new", file_);
  expect_not_opened(Errc::source_changed, file_.string());
}

TEST_F(OpenedFileSegmentTest, AFileOfOtherTimesOrSizeWasChanged) {
  {
    const Exposed exposed = expose_file();
    tick();
    write_file(file_, bytes_);
    expect_not_opened(Errc::source_changed, "changed since");
  }
  {
    const Exposed exposed = expose_file();
    fs::resize_file(file_, 5000);
    expect_not_opened(Errc::source_changed, "changed since");
  }
  write_file(file_, bytes_);
  const Exposed exposed = expose_file();
  fs::resize_file(file_, bytes_.size() + 1);
  expect_not_opened(Errc::source_changed, "changed since");
}

TEST_F(OpenedFileSegmentTest, AModificationTimeThatWasPutBackDoesNotHelp) {
  const Exposed exposed = expose_file();
  const struct stat before = status_of(file_);
  tick();
  write_file(file_, pattern(bytes_.size(), 9));
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, file_.c_str(), times, 0), 0);
  expect_not_opened(Errc::source_changed, "changed since");
}

TEST_F(OpenedFileSegmentTest, WhatIsSwappedInIsNotOpened) {
  const Exposed exposed = expose_file();
  write_file(files_ / "secret", bytes_);
  fs::remove(file_);
  fs::create_symlink(files_ / "secret", file_);
  expect_not_opened(Errc::source_changed, "another file");
  fs::remove(file_);
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  expect_not_opened(Errc::source_changed, "another file");
  fs::remove(file_);
  fs::create_directory(file_);
  expect_not_opened(Errc::source_changed, "another file");
}

TEST_F(OpenedFileSegmentTest, AFileThatMayNotBeReadIsDenied) {
  ASSERT_EQ(::chmod(file_.c_str(), 0), 0);
  const Exposed exposed = expose_file();
  const bool ran = on_a_thread_without_capabilities([&] { expect_not_opened(Errc::denied, file_.string()); });
  if (!ran) GTEST_SKIP() << "capabilities cannot be dropped here";
}

TEST_F(OpenedFileSegmentTest, CutShortUnderAReaderIsAnErrorAndNoSignal) {
  const Exposed exposed = expose_file();
  const auto opened = open().value();
  fs::resize_file(file_, 4096);
  Bytes chunk(4096 + Manifest::tag_bytes);
  EXPECT_EQ(opened->read(ChunkIndex{0}, 0, chunk, ReadMode::may_block), ReadStatus::done);
  for (const ReadMode mode : {ReadMode::may_block, ReadMode::cached_only})
    expect_error(opened->read(ChunkIndex{2}, 0, chunk, mode), Errc::source_changed, file_.string());
  expect_error(opened->check_unchanged(ReadMode::may_block), Errc::source_changed, file_.string());
}

TEST_F(OpenedFileSegmentTest, AChangeAfterItWasOpenedIsSeenWhenAskedFor) {
  const Exposed exposed = expose_file();
  const auto opened = open().value();
  tick();
  write_file(file_, pattern(bytes_.size(), 3));
  expect_error(opened->check_unchanged(ReadMode::may_block), Errc::source_changed, "changed since");
}

}  // namespace
}  // namespace rgtp::shm
