// Looking at a shared directory, and removing from it what has no owner any more and nothing else.
#include <chrono>
#include <fstream>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <rgtp/host.h>

#include "shm/os_faults.h"
#include "shm/segment_fixture.h"
#include "shm/user_directory.h"
#include "support/forked_child.h"
#include "support/sanitizers.h"
#include "support/users.h"

namespace rgtp::shm {
namespace {

using test::ForkedChild;

class SweepTest : public SegmentTest {
 protected:
  Cleared clear() const {
    auto cleared = clear_host(directory_.path());
    EXPECT_TRUE(cleared) << cleared.error().message();
    for (const std::string& problem : cleared->problems) ADD_FAILURE() << problem;
    return cleared.value_or(Cleared{});
  }
  std::vector<HostSurface> list() const { return list_host_surfaces(directory_.path()).value(); }
  // Exposes in a process of its own, until that is killed.
  std::unique_ptr<ForkedChild> exposing_process(int surfaces) const {
    auto child = std::make_unique<ForkedChild>([&](const ForkedChild::Parent& parent) {
      std::vector<Exposed> exposed;
      for (int i = 0; i < surfaces; ++i) {
        exposed.push_back(begin(test::manifest_of(bytes_.size())));
        exposed.back().publish_all(bytes_);
      }
      parent.tell("exposed");
      parent.wait_to_be_killed();
    });
    EXPECT_TRUE(child->read_line());
    return child;
  }
  std::size_t count_of(bool (*is)(std::string_view)) const {
    std::size_t count = 0;
    for (const std::string& name : names()) count += is(name) ? 1 : 0;
    return count;
  }
  static bool is_lock_file(std::string_view name) { return owner_of_file_name(name).has_value(); }
};

TEST_F(SweepTest, AnEmptyDirectoryStaysAsItIs) {
  const Cleared cleared = clear();
  EXPECT_EQ(cleared.segments + cleared.names + cleared.owners, 0U);
  EXPECT_EQ(cleared.bytes, 0U);
  EXPECT_TRUE(names().empty());
  EXPECT_TRUE(list().empty());
}

TEST_F(SweepTest, WhatAKilledProcessLeftIsRemovedAndCounted) {
  const auto child = exposing_process(3);
  child->kill();
  EXPECT_EQ(count_of(is_segment_name), 3U);
  EXPECT_EQ(count_of(is_lock_file), 1U);
  const Cleared cleared = clear();
  EXPECT_EQ(cleared.segments, 3U);
  EXPECT_EQ(cleared.owners, 1U);
  EXPECT_GE(cleared.bytes, 3 * bytes_.size());
  EXPECT_TRUE(names().empty());
  EXPECT_EQ(clear().segments, 0U);
}

class PersistentSweep : public SweepTest {
 protected:
  // Exposed by a process that is killed then.
  void leave(SurfaceState state) const {
    ForkedChild child([&](const ForkedChild::Parent& parent) {
      const Exposed exposed(ExposedSegment::create(directory_.path(),
                                                   {.kind = RegionKind::inline_bytes,
                                                    .persistent = true,
                                                    .owner = {},
                                                    .manifest = manifest_,
                                                    .file = {}},
                                                   Access::owner())
                                .value());
      if (state == SurfaceState::finished) exposed.publish_all(bytes_);
      EXPECT_TRUE(exposed.segment->link());
      parent.tell("exposed");
      parent.wait_to_be_killed();
    });
    ASSERT_TRUE(child.read_line());
    child.kill();
  }
  std::uint32_t removed_with(ClearOptions options) const {
    options.persistent = true;
    return clear_host(directory_.path(), options).value().segments;
  }
};

TEST_F(PersistentSweep, AFinishedOneStaysAndIsOfferedUntilItIsToGo) {
  leave(SurfaceState::finished);
  Cleared cleared = clear();
  EXPECT_EQ(cleared.segments, 0U);
  EXPECT_EQ(cleared.owners, 1U);
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(read_all(**opened), bytes_);
  EXPECT_TRUE(list().at(0).details->persistent);
  EXPECT_FALSE(list().at(0).details->owner_alive);
  EXPECT_EQ(removed_with({.name = "another"}), 0U);
  EXPECT_EQ(removed_with({.older_than = std::chrono::hours(1)}), 0U);
  EXPECT_EQ(removed_with({.name = manifest_.name, .older_than = std::chrono::seconds(0)}), 1U);
  EXPECT_TRUE(names().empty());
  expect_error((*opened)->check_offered(), Errc::withdrawn, "has been removed");
  EXPECT_TRUE(std::ranges::equal((*opened)->mapped(), bytes_));
}

TEST_F(PersistentSweep, AllOfThemGoWhereNoneIsNamed) {
  leave(SurfaceState::finished);
  EXPECT_EQ(removed_with({}), 1U);
  EXPECT_TRUE(names().empty());
}

TEST_F(PersistentSweep, AnUnfinishedOneIsOfNoUseToAnybodyAndGoes) {
  leave(SurfaceState::growing);
  EXPECT_EQ(clear().segments, 1U);
  EXPECT_TRUE(names().empty());
}

TEST_F(SweepTest, ReadersOfWhatIsRemovedKeepTheirBytes) {
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    const Exposed exposed = expose();
    parent.tell("exposed");
    parent.wait_to_be_killed();
  });
  ASSERT_TRUE(child.read_line());
  const auto opened = open().value();
  child.kill();
  EXPECT_EQ(clear().segments, 1U);
  EXPECT_TRUE(std::ranges::equal(opened->mapped(), bytes_));
}

TEST_F(SweepTest, WhatIsAliveStays) {
  const auto living = exposing_process(2);
  const auto dying = exposing_process(2);
  const Exposed mine = expose();
  const Exposed second = begin(test::manifest_of(5));
  dying->kill();
  const Cleared cleared = clear();
  EXPECT_EQ(cleared.segments, 2U);
  EXPECT_EQ(cleared.owners, 1U);
  EXPECT_EQ(count_of(is_segment_name), 4U);
  EXPECT_EQ(count_of(is_lock_file), 2U);
  ASSERT_TRUE(open());
  EXPECT_EQ(read_all(**open()), bytes_);
  // Nor is anything removed by the other one.
  ForkedChild sweeping([&](const ForkedChild::Parent&) { EXPECT_EQ(clear().segments, 0U); });
  EXPECT_EQ(sweeping.wait(), 0);
  EXPECT_EQ(count_of(is_segment_name), 4U);
}

// Process ids mean nothing there, and nothing here.
TEST_F(SweepTest, WhatIsAliveInAnotherPidNamespaceStays) {
  ForkedChild apart([&](const ForkedChild::Parent& parent) {
    const pid_t inside = ::unshare(CLONE_NEWPID) == 0 ? ::fork() : -1;
    if (inside < 0) return parent.tell("not here");
    if (inside == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const Exposed exposed = expose();
      parent.tell("exposed");
      parent.wait_to_be_killed();
    }
    ::waitpid(inside, nullptr, 0);
  });
  const auto line = apart.read_line();
  if (line == "not here") GTEST_SKIP() << "no pid namespace can be made here";
  ASSERT_EQ(line, "exposed");
  EXPECT_EQ(clear().segments, 0U);
  ASSERT_TRUE(open());
  EXPECT_EQ(read_all(**open()), bytes_);
  apart.kill();
  EXPECT_TRUE(test::comes_true([&] { return clear().segments == 1; }));
  EXPECT_TRUE(names().empty());
}

TEST_F(SweepTest, WhatIsAliveStaysWhereNoDescriptorIsLeftToAskWith) {
  if (test::sanitizer_needs_descriptors) GTEST_SKIP() << "this sanitizer needs descriptors itself";
  const auto living = exposing_process(2);
  exposing_process(1)->kill();
  ForkedChild sweeping([directory = directory_.path()](const ForkedChild::Parent&) {
    for (rlim_t most = 3; most < 20; ++most) {
      const rlimit limit{most, most < 19 ? 20 : most};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
      (void)clear_host(directory);
    }
  });
  EXPECT_EQ(sweeping.wait(), 0);
  (void)clear();
  EXPECT_EQ(count_of(is_segment_name), 2U);
  EXPECT_EQ(count_of(is_lock_file), 1U);
}

TEST_F(SweepTest, WhatANonRootUserMayNotTouchStays) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
  ASSERT_EQ(::chmod(directory_.path().c_str(), 01777), 0);
  const auto dead = exposing_process(1);
  dead->kill();
  ForkedChild other([&](const ForkedChild::Parent&) {
    ASSERT_TRUE(test::become(12'345));
    EXPECT_EQ(clear().segments, 0U);
    // Nor can it see more of another user's than that it is there.
    const auto surfaces = list();
    ASSERT_EQ(surfaces.size(), 1U);
    EXPECT_EQ(surfaces[0].user, 0U);
    EXPECT_FALSE(surfaces[0].details);
    EXPECT_NE(surfaces[0].problem, "");
    const Exposed mine = expose();
    EXPECT_TRUE(open());
  });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(names().size(), 2U);
  EXPECT_EQ(clear().segments, 1U);
  EXPECT_TRUE(names().empty());
}

TEST_F(SweepTest, RootRemovesEverybodysDeadOnesAndKeepsTheLiving) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  ASSERT_EQ(::chmod(directory_.path().c_str(), 01777), 0);
  const auto as_stranger = [&](const ForkedChild::Parent& parent) {
    ASSERT_TRUE(test::become(12'345));
    const Exposed exposed = begin(test::manifest_of(5));
    parent.tell("exposed");
    parent.wait_to_be_killed();
  };
  ForkedChild living(as_stranger);
  ForkedChild dying(as_stranger);
  ASSERT_TRUE(living.read_line() && dying.read_line());
  dying.kill();
  EXPECT_EQ(clear().segments, 1U);
  EXPECT_EQ(names().size(), 2U);
  living.kill();
  const Cleared cleared = clear();
  EXPECT_EQ(cleared.segments, 1U);
  EXPECT_EQ(cleared.owners, 1U);
  EXPECT_TRUE(names().empty());
}

TEST_F(SweepTest, WhatOnlyLooksLikeASegmentIsNotTouched) {
  const std::string hex = SurfaceId::random().to_hex();
  const std::string other = SurfaceId::random().to_hex();
  const std::string third = SurfaceId::random().to_hex();
  write_file(directory_ / ("rgtp-" + hex), pattern(5000));
  fs::create_directory(directory_ / ("rgtp-" + other));
  ASSERT_EQ(::mkfifo((directory_ / ("rgtp-" + third)).c_str(), 0600), 0);
  write_file(directory_ / "rgtp-something", {});
  write_file(directory_ / "other", {});
  fs::create_symlink("nowhere", directory_ / "rgtp-owner-link");
  exposing_process(1)->kill();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(clear().segments, 1U);
  const auto surfaces = list();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
  EXPECT_EQ(names().size(), 6U);
  ASSERT_EQ(surfaces.size(), 3U);
  for (const HostSurface& surface : surfaces) {
    EXPECT_FALSE(surface.details) << surface.file;
    EXPECT_NE(surface.problem, "") << surface.file;
  }
}

TEST_F(SweepTest, ASegmentOfANewerLayoutGoesWithItsOwnerAndNotBefore) {
  const auto set_newer = [](const fs::path& object) {
    std::fstream file(object, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(8);
    file.put(2);
    EXPECT_TRUE(file.flush().good());
  };
  auto child = exposing_process(1);
  for (const std::string& name : names())
    if (is_segment_name(name)) set_newer(directory_ / name);
  EXPECT_EQ(clear().segments, 0U);
  const auto surfaces = list();
  ASSERT_EQ(surfaces.size(), 1U);
  EXPECT_FALSE(surfaces[0].details);
  EXPECT_NE(surfaces[0].problem.find("newer"), std::string::npos) << surfaces[0].problem;
  child->kill();
  EXPECT_EQ(clear().segments, 1U);
  EXPECT_TRUE(names().empty());
}

TEST_F(SweepTest, ADeadOwnersLockFileAloneIsRemoved) {
  const auto child = exposing_process(0);
  const auto owning = std::make_unique<ForkedChild>([&](const ForkedChild::Parent& parent) {
    const auto owner = Owner::of_this_process(directory_.path()).value();
    parent.tell("");
    parent.wait_to_be_killed();
  });
  ASSERT_TRUE(owning->read_line());
  EXPECT_EQ(clear().owners, 0U);
  owning->kill();
  EXPECT_EQ(clear().owners, 1U);
  EXPECT_TRUE(names().empty());
}

TEST_F(SweepTest, NothingIsLeftAfterAllIsWithdrawn) {
  {
    const Exposed first = expose();
    const Exposed second = begin(test::manifest_of(1));
    clear();
    EXPECT_EQ(names().size(), 3U);
  }
  EXPECT_TRUE(names().empty());
}

TEST_F(SweepTest, AUsersDirectoryThatAKilledProcessLeftHalfMadeGoesToo) {
  // Killed between the new file and its rename.
  const fs::path own = directory_ / user_directory_name(::geteuid());
  fs::create_directory(own);
  ASSERT_EQ(::chmod(own.c_str(), 0700), 0);
  write_file(own / ".lock", {});
  write_file(own / ".new", {});
  clear();
  EXPECT_TRUE(names().empty());
}

TEST_F(SweepTest, AMissingDirectoryIsNotFound) {
  expect_error(clear_host(directory_ / "missing"), Errc::not_found, "missing");
  expect_error(list_host_surfaces(directory_ / "missing"), Errc::not_found, "missing");
}

class ListTest : public SweepTest {};

TEST_F(ListTest, TellsWhatAFinishedSurfaceIs) {
  Manifest manifest = manifest_;
  manifest.name = "a name";
  Exposed exposed = begin(manifest);
  exposed.publish(0, bytes_);
  auto surfaces = list();
  ASSERT_EQ(surfaces.size(), 1U);
  EXPECT_EQ(surfaces[0].file, segment_name(manifest.id));
  EXPECT_EQ(surfaces[0].user, ::geteuid());
  ASSERT_TRUE(surfaces[0].details) << surfaces[0].problem;
  EXPECT_EQ(surfaces[0].details->id, manifest.id);
  EXPECT_EQ(surfaces[0].details->name, "a name");
  EXPECT_EQ(surfaces[0].details->size, bytes_.size());
  EXPECT_TRUE(surfaces[0].details->size_known);
  EXPECT_EQ(surfaces[0].details->chunks, 4U);
  EXPECT_EQ(surfaces[0].details->published, 1U);
  EXPECT_EQ(surfaces[0].details->state, SurfaceState::growing);
  EXPECT_TRUE(surfaces[0].details->owner_alive);
  EXPECT_FALSE(surfaces[0].details->source);
  for (const std::uint32_t chunk : {1U, 2U, 3U}) exposed.publish(chunk, bytes_);
  exposed.store->end(SurfaceState::finished);
  surfaces = list();
  EXPECT_EQ(surfaces.at(0).details->published, 4U);
  EXPECT_EQ(surfaces.at(0).details->state, SurfaceState::finished);
}

TEST_F(ListTest, TellsTheSizeOfAGrowingSurfaceOnceThatIsKnown) {
  Manifest manifest = test::manifest_of(10 * 4096);
  manifest.size_pending = true;
  Exposed exposed = begin(manifest);
  EXPECT_FALSE(list().at(0).details->size_known);
  EXPECT_EQ(list().at(0).details->size, 10U * 4096);
  EXPECT_EQ(list().at(0).details->chunks, 10U);
  exposed.store->set_final_size(4097);
  EXPECT_TRUE(list().at(0).details->size_known);
  EXPECT_EQ(list().at(0).details->size, 4097U);
  EXPECT_EQ(list().at(0).details->chunks, 2U);
}

TEST_F(ListTest, TellsOfWhichFileASurfaceIsAndThatItsOwnerIsDead) {
  const TemporaryDirectory files;
  write_file(files / "in", bytes_);
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    const SegmentHeader header{.kind = RegionKind::file,
                               .owner = {},
                               .manifest = manifest_,
                               .file = {.path = files / "in", .stamp = stamp_of(status_of(files / "in"))}};
    const Exposed exposed(ExposedSegment::create(directory_.path(), header, Access::owner()).value(),
                          test::published_store(manifest_, bytes_));
    ASSERT_TRUE(exposed.segment->link());
    parent.tell("exposed");
    parent.wait_to_be_killed();
  });
  ASSERT_TRUE(child.read_line());
  EXPECT_TRUE(list().at(0).details->owner_alive);
  EXPECT_EQ(list().at(0).details->source, files / "in");
  child.kill();
  EXPECT_FALSE(list().at(0).details->owner_alive);
  EXPECT_EQ(names().size(), 2U);  // looking removes nothing
}

TEST_F(ListTest, ListsInTheOrderOfNames) {
  const auto child = exposing_process(10);
  const auto surfaces = list();
  ASSERT_EQ(surfaces.size(), 10U);
  EXPECT_TRUE(std::ranges::is_sorted(surfaces, {}, &HostSurface::file));
}

TEST_F(ListTest, ASegmentThatWasCutShortHasAProblem) {
  const Exposed exposed = expose();
  fs::resize_file(object(), 600);
  EXPECT_FALSE(list().at(0).details);
  EXPECT_NE(list().at(0).problem, "");
  fs::resize_file(object(), 100'000);
}

}  // namespace
}  // namespace rgtp::shm
