// Memory that is used again, under attack by those who had it before.
#include "shm/segment_pool.h"

#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include <acl/libacl.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <rgtp/host.h>

#include "shm/os_faults.h"
#include "shm/segment_fixture.h"
#include "support/forked_child.h"
#include "support/users.h"

namespace rgtp::shm {
namespace {

using test::ForkedChild;
using Parent = ForkedChild::Parent;

constexpr uid_t user = 12'345;
constexpr std::size_t surface_bytes = 50 * 4096;

class SegmentPoolTest : public SegmentTest {
 protected:
  // A finished surface whose memory comes from the pool where it can.
  Exposed expose_all(std::span<const std::byte> bytes, const Access& access = Access::owner()) const {
    Exposed exposed(create_in_pool(bytes.size(), access).value());
    exposed.publish_all(bytes);
    EXPECT_TRUE(exposed.segment->link());
    return exposed;
  }
  Result<std::shared_ptr<ExposedSegment>> create_in_pool(std::uint64_t size, const Access& access) const {
    return ExposedSegment::create(
        directory_.path(),
        {.kind = RegionKind::inline_bytes, .owner = {}, .manifest = test::manifest_of(size), .file = {}},
        access, pool_);
  }
  fs::path object_of(const Exposed& exposed) const {
    return directory_ / segment_name(exposed.store->manifest().id);
  }
  ino_t inode_of(const Exposed& exposed) const { return status_of(object_of(exposed)).st_ino; }
  std::shared_ptr<OpenedSegment> open(const Exposed& exposed) const {
    return OpenedSegment::open(directory_.path(), exposed.store->manifest().id, Trust()).value();
  }
  // Exposes and withdraws one, and returns its object's inode.
  ino_t leave_one(const Access& access = Access::owner()) const {
    return inode_of(expose_all(first_, access));
  }
  // Whether the next surface has that object, for once.
  bool is_used_again(ino_t inode, const Access& access = Access::owner()) const {
    const Exposed next = expose_all(second_, access);
    EXPECT_EQ(read_all(*open(next)), second_);
    return inode_of(next) == inode;
  }
  // Whether the pool would give it.
  bool is_free(ino_t inode) const {
    auto memory = pool_->take(surface_bytes, Access::owner());
    if (!memory) return false;
    struct stat status = {};
    EXPECT_EQ(::fstat(memory->object.get(), &status), 0);
    pool_->put(std::move(*memory), Access::owner());
    return status.st_ino == inode;
  }
  std::size_t pooled() const {
    std::size_t count = 0;
    for (const std::string& name : names()) count += owner_of_pool_name(name).has_value();
    return count;
  }

  // A reader in another process is told of the first surface, says when it has it, and has to have it still
  // when the second is exposed: it ends well where it sees no other byte. `use` maps it in its way.
  void expect_not_used_again_behind(
      const std::function<std::shared_ptr<OpenedSegment>(const SurfaceId&, const Parent&)>& use,
      const std::function<void(pid_t)>& meanwhile = nullptr) const {
    std::optional<Exposed> first = expose_all(first_);
    const ino_t inode = inode_of(*first);
    ForkedChild reader([&](const Parent& parent) {
      const auto segment = use(first->store->manifest().id, parent);
      if (segment == nullptr) return;
      parent.tell("mapped");
      const auto changed = [&] { return !std::ranges::equal(segment->mapped(), first_); };
      while (!changed()) ::usleep(1000);
      parent.tell("it has changed");
    });
    ASSERT_EQ(reader.read_line(), "mapped");
    if (meanwhile) meanwhile(reader.pid());
    first.reset();
    EXPECT_EQ(pooled(), 1U);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(is_used_again(inode)) << "where it is still read";
    EXPECT_EQ(reader.read_line(std::chrono::milliseconds(50)), std::nullopt);
    ::kill(reader.pid(), SIGCONT);
    EXPECT_EQ(reader.read_line(std::chrono::milliseconds(50)), std::nullopt);
    reader.kill();
  }
  std::shared_ptr<OpenedSegment> open_id(const SurfaceId& id) const {
    return OpenedSegment::open(directory_.path(), id, Trust()).value();
  }

  const std::shared_ptr<SegmentPool> pool_ = std::make_shared<SegmentPool>(4);
  const Bytes first_ = pattern(surface_bytes, 1);
  const Bytes second_ = pattern(surface_bytes, 2);
};

TEST_F(SegmentPoolTest, AWithdrawnSurfacesMemoryIsTheNextOnes) {
  const ino_t inode = leave_one();
  EXPECT_EQ(pooled(), 1U);
  for (int generation = 0; generation < 3; ++generation) EXPECT_TRUE(is_used_again(inode));
  EXPECT_EQ(pooled(), 1U);
}

TEST_F(SegmentPoolTest, OneInUseHasNoOtherNameAndItsAccess) {
  if (::geteuid() != 0) GTEST_SKIP() << "whether others may have it only root can try";
  const Access access = Access::users({user});
  const ino_t inode = leave_one(access);
  const Umask umask(0777);
  const Exposed next = expose_all(second_, access);
  EXPECT_EQ(inode_of(next), inode);
  EXPECT_EQ(pooled(), 0U);
  EXPECT_EQ(status_of(object_of(next)).st_nlink, 1U);
  EXPECT_EQ(mode_of(object_of(next)), 0640U);  // of which the group's bits are the list's mask
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  for (const uid_t who : {user, user + 1}) {
    ForkedChild other([&](const Parent& parent) {
      if (!test::become(who)) return;
      const auto opened = OpenedSegment::open(directory_.path(), next.store->manifest().id, Trust({0}));
      parent.tell(opened ? "has it" : to_string(opened.error().code));
    });
    EXPECT_EQ(other.read_line(), who == user ? "has it" : "denied");
  }
}

TEST_F(SegmentPoolTest, WhatIsPooledIsItsOwnersAloneAndNoSegment) {
  leave_one(Access::users({user}));
  ASSERT_EQ(pooled(), 1U);
  for (const std::string& name : names()) {
    if (!owner_of_pool_name(name)) continue;
    EXPECT_EQ(mode_of(directory_ / name), 0600U);
    EXPECT_EQ(::acl_extended_file((directory_ / name).c_str()), 0) << "a list is left";
    const auto object = SegmentObject::open(directory_ / name);
    ASSERT_TRUE(object);
    EXPECT_FALSE(object->header);
    EXPECT_FALSE(object->prefix);
  }
}

TEST_F(SegmentPoolTest, IsNeverSharedBetweenThoseWhoMayHaveDifferentOnes) {
  const Access some = Access::users({user});
  const ino_t inode = leave_one(some);
  EXPECT_FALSE(is_used_again(inode, Access::owner()));
  EXPECT_FALSE(is_used_again(inode, Access::users({user, user + 1})));
  EXPECT_FALSE(is_used_again(inode, Access::groups({user})));
  EXPECT_TRUE(is_used_again(inode, some));
}

TEST_F(SegmentPoolTest, EverybodysIsNotKept) {
  leave_one(Access::everyone());
  EXPECT_EQ(pooled(), 0U);
}

TEST_F(SegmentPoolTest, ServesSurfacesOfHalfItsSizeAndNoSmallerOrLargerOnes) {
  const ino_t inode = leave_one();
  const auto inode_for = [&](std::size_t size) {
    const Bytes bytes = pattern(size, 3);
    const Exposed next = expose_all(bytes);
    EXPECT_EQ(read_all(*open(next)), bytes);
    return inode_of(next);
  };
  EXPECT_NE(inode_for(surface_bytes / 3), inode);
  EXPECT_NE(inode_for(2 * surface_bytes), inode);
  EXPECT_EQ(inode_for(surface_bytes * 2 / 3), inode);
  EXPECT_EQ(inode_for(surface_bytes), inode);  // it has its whole size again
}

TEST_F(SegmentPoolTest, ASurfaceThatGrowsShowsNothingOfTheOneBefore) {
  const ino_t inode = leave_one();
  Manifest manifest = test::manifest_of(surface_bytes);
  manifest.size_pending = true;
  const Exposed next(ExposedSegment::create(
                         directory_.path(),
                         {.kind = RegionKind::inline_bytes, .owner = {}, .manifest = manifest, .file = {}},
                         Access::owner(), pool_)
                         .value());
  ASSERT_TRUE(next.segment->link());
  ASSERT_EQ(inode_of(next), inode);
  const auto opened = open(next);
  EXPECT_EQ(opened->state(), SurfaceState::growing);
  EXPECT_EQ(opened->published(), 0U);
  EXPECT_EQ(opened->final_size(), std::nullopt);
  for (std::uint32_t chunk = 0; chunk < manifest.chunk_count(); ++chunk)
    EXPECT_FALSE(opened->has(ChunkIndex{chunk}));
}

TEST_F(SegmentPoolTest, KeepsTheLatestAndNothingIsLeftOfOthersNorOfItself) {
  {
    const auto pool = std::make_shared<SegmentPool>(2);
    std::vector<Exposed> exposed;
    for (int i = 0; i < 5; ++i) {
      exposed.emplace_back(ExposedSegment::create(directory_.path(),
                                                  {.kind = RegionKind::inline_bytes,
                                                   .owner = {},
                                                   .manifest = test::manifest_of(10'000),
                                                   .file = {}},
                                                  Access::owner(), pool)
                               .value());
      exposed.back().publish_all(pattern(10'000));
      ASSERT_TRUE(exposed.back().segment->link());
    }
    exposed.clear();
    EXPECT_EQ(pooled(), 2U);
  }
  EXPECT_TRUE(names().empty()) << names().front();
}

TEST_F(SegmentPoolTest, OnesThatNeverCameToTheirNameGoBack) {
  const ino_t inode = leave_one();
  { const auto unnamed = create_in_pool(surface_bytes, Access::owner()).value(); }
  EXPECT_EQ(pooled(), 1U);
  {
    const Exposed there = expose();
    Exposed same_id(ExposedSegment::create(directory_.path(),
                                           {.kind = RegionKind::inline_bytes,
                                            .owner = {},
                                            .manifest =
                                                [&] {
                                                  Manifest manifest = test::manifest_of(surface_bytes);
                                                  manifest.id = manifest_.id;
                                                  return manifest;
                                                }(),
                                            .file = {}},
                                           Access::owner(), pool_)
                        .value());
    expect_error(same_id.segment->link(), Errc::already_exposed, "already");
    EXPECT_EQ(read_all(*OpenedSegment::open(directory_.path(), manifest_.id, Trust()).value()), bytes_);
  }
  EXPECT_EQ(pooled(), 1U);
  EXPECT_TRUE(is_used_again(inode));
}

TEST_F(SegmentPoolTest, OneWhoseNameSomebodyRemovedIsNotUsed) {
  const ino_t inode = leave_one();
  const auto remove_pooled = [&] {
    for (const std::string& name : names())
      if (owner_of_pool_name(name)) fs::remove(directory_ / name);
  };
  remove_pooled();
  EXPECT_FALSE(is_used_again(inode));
  // Nor named where that happens while it is filled.
  const auto filled = create_in_pool(surface_bytes, Access::owner()).value();
  remove_pooled();
  expect_error(filled->link(), Errc::io_error, "expose it again");
}

TEST_F(SegmentPoolTest, OneThatSomebodyCutShortIsNoSignalAndNotUsed) {
  const ino_t inode = leave_one();
  for (const std::string& name : names())
    if (owner_of_pool_name(name)) fs::resize_file(directory_ / name, 0);
  EXPECT_TRUE(is_used_again(inode));  // it has its length again
  {
    const Exposed exposed = expose_all(first_);
    fs::resize_file(object_of(exposed), 100);
  }
  EXPECT_EQ(pooled(), 0U);
  {
    auto exposed = expose_all(first_);
    const auto store = exposed.store;  // goes later than its name
    exposed.segment->withdraw();
    for (const std::string& name : names())
      if (owner_of_pool_name(name)) fs::resize_file(directory_ / name, 0);
  }
}

// Of the same size, that is; and a page that is missing would be a SIGBUS where there is none left.
TEST_F(SegmentPoolTest, TakesPagesAgainOnlyWhereSomeAreMissing) {
  const ino_t inode = leave_one();
  const bool ran = on_a_thread_refused({{SYS_madvise, EFAULT}}, [&] { EXPECT_TRUE(is_used_again(inode)); });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
  const blkcnt_t whole = [&] {
    const Exposed exposed = expose_all(first_);
    return status_of(object_of(exposed)).st_blocks;
  }();
  for (const std::string& name : names()) {
    if (!owner_of_pool_name(name)) continue;
    const core::Descriptor object(::open((directory_ / name).c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_EQ(::fallocate(object.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 20 * 4096, 4096), 0);
  }
  const auto next = create_in_pool(surface_bytes, Access::owner()).value();
  ASSERT_TRUE(next->reserve(0, surface_bytes));
  std::vector<blkcnt_t> blocks;
  for (const std::string& name : names())
    if (owner_of_pool_name(name)) blocks.push_back(status_of(directory_ / name).st_blocks);
  EXPECT_EQ(blocks, std::vector{whole});
}

TEST_F(SegmentPoolTest, WhereTheKernelCannotTellNothingIsKept) {
  const bool ran = on_a_thread_refused({{SYS_fcntl, EINVAL, 1, F_SETLEASE}}, [&] {
    leave_one();
    const Exposed next = expose_all(second_);
    EXPECT_EQ(read_all(*open(next)), second_);
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_EQ(pooled(), 0U);
  leave_one();
  EXPECT_EQ(pooled(), 0U);
}

TEST_F(SegmentPoolTest, WhoeverOpensOneThatIsJustWithdrawnHearsThatAndOfNothingPlanted) {
  std::atomic<bool> done = false;
  std::mutex mutex;
  std::shared_ptr<const SurfaceId> newest;
  std::thread opener([&] {
    while (!done) {
      std::shared_ptr<const SurfaceId> id;
      {
        const std::lock_guard lock(mutex);
        id = newest;
      }
      if (id == nullptr) continue;
      const auto opened = OpenedSegment::open(directory_.path(), *id, Trust(),
                                              [](auto, auto text) { ADD_FAILURE() << text; });
      if (!opened) {
        EXPECT_TRUE(opened.error().code == Errc::unknown_surface || opened.error().code == Errc::withdrawn)
            << opened.error().message();
      }
    }
  });
  for (int generation = 0; generation < 2000; ++generation) {
    const Exposed exposed = expose_all(std::span(first_).first(100));
    const std::lock_guard lock(mutex);
    newest = std::make_shared<const SurfaceId>(exposed.store->manifest().id);
  }
  done = true;
  opener.join();
}

TEST_F(SegmentPoolTest, ADeadProcesssAreSwept) {
  ForkedChild exposer([&](const Parent& parent) {
    const auto pool = std::make_shared<SegmentPool>(2);
    { const Exposed one = expose_all(first_); }
    parent.tell("left");
    parent.wait_to_be_killed();
  });
  ASSERT_EQ(exposer.read_line(), "left");
  EXPECT_EQ(clear_host(directory_.path())->segments, 0U);
  EXPECT_EQ(pooled(), 1U);
  exposer.kill();
  EXPECT_EQ(clear_host(directory_.path())->segments, 1U);
  EXPECT_TRUE(names().empty());
}

TEST_F(SegmentPoolTest, AReaderThatKeepsAViewKeepsItsBytes) {
  expect_not_used_again_behind([&](const SurfaceId& id, const Parent&) { return open_id(id); });
}

TEST_F(SegmentPoolTest, AReaderThatIsStoppedKeepsItsBytes) {
  expect_not_used_again_behind([&](const SurfaceId& id, const Parent&) { return open_id(id); },
                               [](pid_t reader) { ::kill(reader, SIGSTOP); });
}

TEST_F(SegmentPoolTest, AReaderThatClosedItsDescriptorKeepsItsBytes) {
  expect_not_used_again_behind([&](const SurfaceId& id, const Parent&) {
    auto segment = open_id(id);
    segment->close_descriptors();
    return segment;
  });
}

TEST_F(SegmentPoolTest, AReadersChildKeepsItsBytesWhenThatHasEnded) {
  expect_not_used_again_behind([&](const SurfaceId& id, const Parent& parent) {
    auto segment = open_id(id);
    segment->close_descriptors();
    ForkedChild child([&](const Parent& maker) {
      ::prctl(PR_SET_PDEATHSIG, 0);  // it outlives its maker
      maker.tell("does");
      parent.tell("mapped");
      for (int i = 0; i < 1000; ++i) {
        if (!std::ranges::equal(segment->mapped(), first_)) parent.tell("it has changed");
        ::usleep(1000);
      }
    });
    (void)child.read_line();
    ::_exit(0);
    return segment;
  });
}

TEST_F(SegmentPoolTest, AReaderOfTheSameProcessKeepsItsBytes) {
  std::optional<Exposed> first = expose_all(first_);
  const ino_t inode = inode_of(*first);
  std::optional opened = open(*first);
  (*opened)->close_descriptors();
  first.reset();
  EXPECT_FALSE(is_free(inode));
  opened.reset();
  EXPECT_TRUE(is_free(inode));
  EXPECT_TRUE(is_used_again(inode));
}

TEST_F(SegmentPoolTest, WhoeverLetsGoGivesItBack) {
  std::optional<Exposed> first = expose_all(first_);
  const ino_t inode = inode_of(*first);
  ForkedChild reader([&](const Parent& parent) {
    const auto segment = open(*first);
    parent.tell("mapped");
    parent.wait_to_be_killed();
  });
  ASSERT_EQ(reader.read_line(), "mapped");
  first.reset();
  EXPECT_FALSE(is_free(inode));
  reader.kill();
  EXPECT_TRUE(is_free(inode));
  EXPECT_TRUE(is_used_again(inode));
}

// The store's last holder decides, whoever that is: a sending of packets may still read from it.
TEST_F(SegmentPoolTest, TheExposersOwnStoreKeepsItToo) {
  std::optional<Exposed> first = expose_all(first_);
  const ino_t inode = inode_of(*first);
  const auto store = first->store;
  first.reset();
  EXPECT_FALSE(is_used_again(inode));
  EXPECT_TRUE(std::ranges::equal(store->mapped(), first_));
}

TEST_F(SegmentPoolTest, AForkedChildOfTheExposerUsesNothingOfIt) {
  const ino_t inode = leave_one();
  ForkedChild child([&](const Parent& parent) {
    // An owner of its own: its surfaces are not its parent's.
    parent.tell(is_used_again(inode) ? "used" : "not used");
  });
  EXPECT_EQ(child.read_line(), "not used");
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(clear_host(directory_.path())->segments, 1U);  // of its own
  EXPECT_EQ(pooled(), 1U);
  EXPECT_TRUE(is_used_again(inode));
}

TEST_F(SegmentPoolTest, GivesWayToWhatNeedsTheRoom) {
  const bool ran = on_a_thread_with_a_small_disk(directory_.path(), 1024 * 1024, [&] {
    const Bytes large = pattern(900'000, 4);
    // Whoever may have it: the pool's own, and what never comes from there.
    for (const Access& access : {Access::owner(), Access::everyone()}) {
      leave_one();
      EXPECT_EQ(pooled(), 1U);
      EXPECT_EQ(read_all(*open(expose_all(large, access))), large);
    }
    leave_one();
    // Of a capacity that is written as it comes, too.
    Manifest manifest = test::manifest_of(4'000'000, 65'536);
    manifest.size_pending = true;
    const Exposed growing(
        ExposedSegment::create(
            directory_.path(),
            {.kind = RegionKind::inline_bytes, .owner = {}, .manifest = manifest, .file = {}},
            Access::owner(), pool_)
            .value());
    for (std::uint64_t chunk = 0; chunk < 14; ++chunk)
      EXPECT_TRUE(growing.store->region().reserve(chunk * 65'536, 65'536)) << chunk;
    EXPECT_EQ(pooled(), 0U);
    expect_error(growing.store->region().reserve(14 * 65'536, 4 * 65'536), Errc::no_space, "are free");
  });
  if (!ran) GTEST_SKIP() << "no mount namespace can be made here";
}

TEST_F(SegmentPoolTest, OnlySoManyKeepADescriptor) {
  std::vector<Exposed> exposed;
  for (std::uint32_t i = 0; i < SegmentPool::most_exposed + 10; ++i)
    exposed.push_back(expose_all(std::span(first_).first(100)));
  std::size_t open_ones = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    open_ones += fs::read_symlink(entry.path(), error).string().find("rgtp-") != std::string::npos;
  }
  EXPECT_LE(open_ones, SegmentPool::most_exposed + 1);  // and the owner's lock
}

}  // namespace
}  // namespace rgtp::shm
