// What those who may read a surface's memory by its name can do to it: nothing, unless they are its owner, to
// whom the kernel denies only what the descriptor for reading denies. SEGMENT.md says so; what is to be safe
// from its own user too is handed over sealed (broker_test.cc).
#include <csignal>
#include <optional>

#include <fcntl.h>
#include <sys/acl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/segment_fixture.h"
#include "support/forked_child.h"
#include "support/users.h"

namespace rgtp::shm {
namespace {

using test::ForkedChild;

constexpr uid_t user = 12'345;

class ReadOnlyTest : public SegmentTest {
 protected:
  // Through what a pull has: a mapping and a descriptor, both for reading.
  void expect_no_way_to_write(const OpenedSegment& segment, int reader) const {
    auto* const page =
        const_cast<std::byte*>(reinterpret_cast<const std::byte*>(&segment.live())) - live_offset;
    EXPECT_NE(::mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
    EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0), MAP_FAILED);
    // Or through a mapping of nothing that becomes one.
    EXPECT_EQ(::mmap(page, 4096, PROT_WRITE, MAP_SHARED | MAP_FIXED, reader, 0), MAP_FAILED);
    EXPECT_LT(::pwrite(reader, "x", 1, 0), 0);
    EXPECT_NE(::ftruncate(reader, 0), 0);
    EXPECT_NE(::ftruncate(reader, 1 << 20), 0);
    EXPECT_NE(::fallocate(reader, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
    EXPECT_NE(::madvise(page, 4096, MADV_REMOVE), 0);
    EXPECT_LT(::fcntl(reader, F_SETLEASE, F_WRLCK), 0);
  }
};

TEST_F(ReadOnlyTest, AnotherUserWhoMayReadCanChangeNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
  ASSERT_EQ(::chmod(directory_.path().c_str(), 01777), 0);
  for (const Access& access : {Access::users({user}), Access::everyone()}) {
    const Exposed exposed = expose(access);
    ForkedChild attacker([&](const ForkedChild::Parent& parent) {
      if (!test::become(user)) return;
      const auto segment = open(Trust({0})).value();
      const Descriptor reader(::open(object().c_str(), O_RDONLY | O_CLOEXEC));
      ASSERT_TRUE(reader);
      expect_no_way_to_write(*segment, reader.get());
      for (const std::string& name : {object().string(), proc_name(reader.get())}) {
        EXPECT_FALSE(Descriptor(::open(name.c_str(), O_RDWR | O_CLOEXEC))) << name;
        EXPECT_FALSE(Descriptor(::open(name.c_str(), O_WRONLY | O_CLOEXEC))) << name;
        EXPECT_FALSE(Descriptor(::open(name.c_str(), O_RDONLY | O_TRUNC | O_CLOEXEC))) << name;
        EXPECT_NE(::truncate(name.c_str(), 0), 0) << name;
        EXPECT_NE(::chmod(name.c_str(), 0666), 0) << name;
        EXPECT_NE(::chown(name.c_str(), user, user), 0) << name;
      }
      EXPECT_NE(::fchmod(reader.get(), 0666), 0);
      acl_t everything = ::acl_from_text("u::rw,g::rw,o::rw");
      EXPECT_NE(::acl_set_file(object().c_str(), ACL_TYPE_ACCESS, everything), 0);
      ::acl_free(everything);
      EXPECT_NE(::unlink(object().c_str()), 0);
      EXPECT_NE(::rename(object().c_str(), (directory_ / "mine").c_str()), 0);
      EXPECT_NE(::link(object().c_str(), (directory_ / "mine").c_str()), 0);
      parent.tell("tried");
    });
    EXPECT_EQ(attacker.read_line(), "tried");
    EXPECT_EQ(attacker.wait(), 0);
    EXPECT_EQ(read_all(*open().value()), bytes_);
  }
}

TEST_F(ReadOnlyTest, ItsOwnUserCannotThroughWhatAPullHas) {
  const Exposed exposed = expose();
  const auto segment = open().value();
  const Descriptor reader(::open(object().c_str(), O_RDONLY | O_CLOEXEC));
  expect_no_way_to_write(*segment, reader.get());
  EXPECT_EQ(read_all(*open().value()), bytes_);
}

// As is documented: who distrusts programs of the same user has Access::decide().
TEST_F(ReadOnlyTest, ItsOwnUserCanByOpeningItAgain) {
  const Exposed exposed = expose();
  const auto segment = open().value();
  const Descriptor reader(::open(object().c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(::fchmod(reader.get(), 0640), 0);
  const Descriptor writer(::open(proc_name(reader.get()).c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(writer);
  const auto last = static_cast<off_t>(status_of(object()).st_size - 1);
  EXPECT_EQ(::pwrite(writer.get(), "\x7f", 1, last), 1);
  EXPECT_EQ(segment->mapped().back(), std::byte{0x7f});
  // Which the tags tell, where they are asked.
  Bytes chunk(4096 + Manifest::tag_bytes);
  const ChunkIndex last_chunk{manifest_.chunk_count() - 1};
  EXPECT_EQ(segment->read(last_chunk, 0, chunk, ReadMode::may_block), ReadStatus::done);
  const std::uint32_t length = manifest_.length_of(last_chunk);
  EXPECT_FALSE(std::ranges::equal(core::chunk_tag(last_chunk, std::span(chunk).first(length)),
                                  std::span(chunk).subspan(length, Manifest::tag_bytes)));
  EXPECT_EQ(::ftruncate(writer.get(), 4096), 0);
  EXPECT_FALSE(segment->is_whole());
}

}  // namespace
}  // namespace rgtp::shm
