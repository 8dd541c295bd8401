#include "shm/exposed_segment.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <sys/statvfs.h>

#include "shm/os_faults.h"
#include "shm/segment_fixture.h"

namespace rgtp::shm {
namespace {

class ExposedSegmentTest : public SegmentTest {};

std::string digits(std::uint64_t number) { return std::to_string(number); }

TEST_F(ExposedSegmentTest, WhatIsWrittenIsRead) {
  for (const std::uint64_t size : {0U, 1U, 4095U, 4096U, 4097U, 100'000U}) {
    const Bytes bytes = pattern(size, size);
    const Manifest manifest = test::manifest_of(size);
    Exposed exposed(create(manifest).value());
    exposed.publish_all(bytes);
    ASSERT_TRUE(exposed.segment->link());
    const auto opened = OpenedSegment::open(directory_.path(), manifest.id, Trust());
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ((*opened)->manifest(), manifest);
    EXPECT_EQ((*opened)->state(), SurfaceState::finished);
    EXPECT_EQ((*opened)->published(), manifest.chunk_count());
    EXPECT_EQ((*opened)->final_size(), size);
    EXPECT_TRUE(std::ranges::equal((*opened)->mapped(), bytes));
    EXPECT_EQ(read_all(**opened), bytes);
  }
}

TEST_F(ExposedSegmentTest, IsTheOwnersAloneWhateverTheUmask) {
  for (const mode_t mask : {0U, 0022U, 0077U, 0777U}) {
    const Umask umask(mask);
    const Exposed exposed = expose();
    EXPECT_EQ(mode_of(object()), 0600U) << "under umask " << mask;
    EXPECT_EQ(status_of(object()).st_uid, ::geteuid());
  }
}

TEST_F(ExposedSegmentTest, IsGivenItsAccess) {
  {
    const Exposed exposed = expose(Access::everyone());
    EXPECT_EQ(mode_of(object()), 0644U);
  }
  const Exposed exposed = expose(Access::users({12'345}));
  EXPECT_EQ(mode_of(object()), 0640U);  // of which the group's bits are the list's mask
}

TEST_F(ExposedSegmentTest, HasNoNameBeforeItIsLinkedAndLeavesNothingWithoutOne) {
  {
    const auto segment = create(manifest_).value();
    EXPECT_FALSE(fs::exists(object()));
    EXPECT_EQ(names().size(), 1U);  // its process's lock file
    expect_not_opened(Errc::unknown_surface, "no segment");
  }
  EXPECT_TRUE(names().empty());
}

TEST_F(ExposedSegmentTest, HasOneNameThatDoesNotTellItsId) {
  const Exposed exposed = expose();
  EXPECT_EQ(names().size(), 2U);
  for (const std::string& name : names())
    EXPECT_EQ(name.find(manifest_.id.to_hex()), std::string::npos) << name;
  EXPECT_EQ(status_of(object()).st_nlink, 1U);
}

TEST_F(ExposedSegmentTest, AnIdThatIsTakenIsAlreadyExposed) {
  const Exposed first = expose();
  const auto second = create(manifest_).value();
  expect_error(second->link(), Errc::already_exposed, "already");
  ASSERT_TRUE(open());
  EXPECT_EQ(read_all(**open()), bytes_);
}

TEST_F(ExposedSegmentTest, WhatIsWithdrawnHasNoNameAndWhoeverOpenedItKeepsTheBytes) {
  const Exposed exposed = expose();
  const auto opened = open().value();
  exposed.segment->withdraw();
  EXPECT_FALSE(fs::exists(object()));
  EXPECT_EQ(opened->state(), SurfaceState::withdrawn);
  expect_error(opened->check_offered(), Errc::withdrawn, "withdrawn");
  expect_not_opened(Errc::unknown_surface, "no segment");
  EXPECT_TRUE(std::ranges::equal(opened->mapped(), bytes_));
  EXPECT_EQ(read_all(*opened), bytes_);
  exposed.segment->withdraw();  // a second time does nothing
}

TEST_F(ExposedSegmentTest, WhatIsAbortedStaysAbortedWhenItIsWithdrawn) {
  Exposed exposed = begin(manifest_);
  exposed.publish(0, bytes_);
  const auto opened = open().value();
  exposed.store->end(SurfaceState::aborted);
  expect_not_opened(Errc::aborted, "gave the surface up");
  exposed.segment->withdraw();
  EXPECT_EQ(opened->state(), SurfaceState::aborted);
}

TEST_F(ExposedSegmentTest, TellsOfEveryChangeByItsCounter) {
  Manifest manifest = manifest_;
  manifest.size_pending = true;
  Exposed exposed = begin(manifest);
  const auto opened = open().value();
  const auto counter = [&] { return opened->live().counter.load(); };
  auto seen = counter();
  const auto expect_told = [&] { EXPECT_NE(std::exchange(seen, counter()), counter()); };
  EXPECT_EQ(opened->final_size(), std::nullopt);
  exposed.publish(2, bytes_);
  expect_told();
  EXPECT_EQ(opened->published(), 1U);
  EXPECT_TRUE(opened->has(ChunkIndex{2}));
  EXPECT_FALSE(opened->has(ChunkIndex{0}));
  exposed.store->set_final_size(bytes_.size());
  expect_told();
  EXPECT_EQ(opened->final_size(), bytes_.size());
  exposed.store->end(SurfaceState::finished);
  expect_told();
  EXPECT_EQ(opened->state(), SurfaceState::finished);
  exposed.segment->withdraw();
  expect_told();
}

TEST_F(ExposedSegmentTest, UnderACapacityThereIsRoomForWholeChunks) {
  Manifest manifest = test::manifest_of(4097);
  manifest.size_pending = true;
  const auto segment = create(manifest).value();
  EXPECT_EQ(segment->data().size(), 2U * 4096);
}

TEST_F(ExposedSegmentTest, IsMappedReadOnlyByWhoeverOpensIt) {
  const Exposed exposed = expose();
  const auto opened = open().value();
  const std::string address = [&] {
    char text[32];
    std::snprintf(text, sizeof text, "%lx-", reinterpret_cast<unsigned long>(&opened->live()) & ~4095UL);
    return std::string(text);
  }();
  std::ifstream maps("/proc/self/maps");
  std::string line;
  bool found = false;
  while (std::getline(maps, line)) {
    if (!line.starts_with(address)) continue;
    found = true;
    EXPECT_EQ(line.substr(line.find(' ') + 1, 4), "r--s") << line;
  }
  EXPECT_TRUE(found);
}

// "rd wr sh ..." of the mapping at that address (proc_pid_smaps(5), VmFlags).
std::string flags_at(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  bool is_ours = false;
  for (std::string line; std::getline(maps, line);) {
    char* rest = nullptr;
    const auto from = std::strtoull(line.c_str(), &rest, 16);
    if (*rest == '-') {
      const auto at = reinterpret_cast<std::uintptr_t>(address);
      is_ours = from <= at && at < std::strtoull(rest + 1, nullptr, 16);
    } else if (is_ours && line.starts_with("VmFlags:")) {
      return line.substr(8) + " ";
    }
  }
  return "no such mapping";
}

TEST_F(ExposedSegmentTest, NoMappingGoesIntoACoreDumpNorTheExposersIntoAChild) {
  const Exposed exposed = expose();
  const std::string exposers = flags_at(exposed.segment->data().data());
  EXPECT_NE(exposers.find(" dd "), std::string::npos) << exposers;
  EXPECT_NE(exposers.find(" dc "), std::string::npos) << exposers;
  const auto opened = open().value();
  const std::string readers = flags_at(&opened->live());
  EXPECT_NE(readers.find(" dd "), std::string::npos) << readers;
}

// As before Linux 5.14.
TEST_F(ExposedSegmentTest, TakesAllOfItsMemoryAtOnceWhereTheKernelCannotTakeAPart) {
  const bool ran = on_a_thread_refused({{SYS_madvise, EINVAL}}, [&] {
    const Exposed exposed = expose();
    EXPECT_EQ(read_all(*open().value()), bytes_);
    EXPECT_GE(status_of(object()).st_blocks * 512, status_of(object()).st_size);
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

TEST_F(ExposedSegmentTest, AMissingDirectoryIsNotFound) {
  const auto segment = ExposedSegment::create(
      directory_ / "missing",
      {.kind = RegionKind::inline_bytes, .owner = {}, .manifest = manifest_, .file = {}}, Access::owner());
  expect_error(segment, Errc::not_found, (directory_ / "missing").string());
}

TEST_F(ExposedSegmentTest, ADirectoryThatMayNotBeWrittenIsDenied) {
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0500), 0);
  const bool ran = on_a_thread_without_capabilities(
      [&] { expect_error(create(manifest_), Errc::denied, directory_.path().string()); });
  ::chmod(directory_.path().c_str(), 0700);
  if (!ran) GTEST_SKIP() << "capabilities cannot be dropped here";
}

TEST_F(ExposedSegmentTest, WhatIsLargerThanTheFreeSpaceFailsAtOnceAndLeavesNothing) {
  const bool ran = on_a_thread_with_a_small_disk(directory_.path(), 1024 * 1024, [&] {
    const Manifest manifest = test::manifest_of(3'000'000, 65'536);
    const auto failed = create(manifest);
    const SegmentHeader header{
        .kind = RegionKind::inline_bytes, .owner = {}, .manifest = manifest, .file = {}};
    expect_error(failed, Errc::no_space, "it needs " + digits(header.layout().object_bytes) + " bytes");
    expect_error(failed, Errc::no_space, " are free");
    expect_error(failed, Errc::no_space, "enlarge");
    EXPECT_TRUE(names().empty());
    // And what fits is made afterwards.
    const Exposed exposed = expose();
    EXPECT_TRUE(open());
  });
  if (!ran) GTEST_SKIP() << "no mount namespace can be made here";
}

TEST_F(ExposedSegmentTest, WhatDoesNotFitBesideOthersNamesWhatIsFree) {
  const bool ran = on_a_thread_with_a_small_disk(directory_.path(), 1024 * 1024, [&] {
    const Bytes half = pattern(600'000);
    Exposed first(create(test::manifest_of(half.size())).value());
    first.publish_all(half);
    struct statvfs space = {};
    ASSERT_EQ(::statvfs(directory_.path().c_str(), &space), 0);
    expect_error(create(test::manifest_of(half.size())), Errc::no_space,
                 digits(std::uint64_t{space.f_bavail} * space.f_frsize) + " are free");
  });
  if (!ran) GTEST_SKIP() << "no mount namespace can be made here";
}

TEST_F(ExposedSegmentTest, AGrowingOneThatRunsOutOfSpaceIsAnErrorAndNoSignal) {
  const bool ran = on_a_thread_with_a_small_disk(directory_.path(), 1024 * 1024, [&] {
    Manifest manifest = test::manifest_of(8'000'000, 65'536);
    manifest.size_pending = true;
    const Bytes chunk = pattern(65'536);
    {
      Exposed exposed = begin(manifest);
      Result<void> written;
      std::uint32_t chunks = 0;
      for (; written && chunks < manifest.chunk_count(); ++chunks)
        written = exposed.store->region().write(std::uint64_t{chunks} * 65'536, chunk);
      expect_error(written, Errc::no_space, " are free");
      EXPECT_GT(chunks, 8U);
      EXPECT_LT(chunks, 17U);
      // What was written stays good.
      const auto opened = OpenedSegment::open(directory_.path(), manifest.id, Trust());
      ASSERT_TRUE(opened);
      EXPECT_TRUE(std::ranges::equal((*opened)->mapped().first(65'536), chunk));
    }
    EXPECT_TRUE(names().empty());
    const Exposed small = expose();
    EXPECT_TRUE(open());
  });
  if (!ran) GTEST_SKIP() << "no mount namespace can be made here";
}

TEST_F(ExposedSegmentTest, AnIndexThatDoesNotFitFailsAtOnceForAGrowingOneToo) {
  const bool ran = on_a_thread_with_a_small_disk(directory_.path(), 1024 * 1024, [&] {
    // 2^20 trailers alone are 16 MiB.
    Manifest manifest = test::manifest_of(std::uint64_t{4096} << 20);
    manifest.size_pending = true;
    expect_error(create(manifest), Errc::no_space, "no room");
    EXPECT_TRUE(names().empty());
  });
  if (!ran) GTEST_SKIP() << "no mount namespace can be made here";
}

}  // namespace
}  // namespace rgtp::shm
