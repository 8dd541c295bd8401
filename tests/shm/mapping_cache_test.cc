#include "shm/mapping_cache.h"

#include <atomic>
#include <chrono>
#include <list>
#include <thread>

#include "shm/segment_fixture.h"
#include "support/forked_child.h"
#include "support/loop_thread.h"

namespace rgtp::shm {
namespace {

using namespace std::chrono_literals;
using test::comes_true;
using test::ForkedChild;

constexpr std::size_t surface_bytes = 10'000;

// A cache on a loop of its own.
class Cache {
 public:
  explicit Cache(const MappingCache::Limits& limits)
      : cache_(loop_.run([&] { return std::make_unique<MappingCache>(limits, *loop_); })) {}
  ~Cache() {
    loop_.run([&] { cache_.reset(); });
  }
  MappingCache* operator->() const { return cache_.get(); }

 private:
  test::LoopThread loop_;
  std::unique_ptr<MappingCache> cache_;
};

class MappingCacheTest : public SegmentTest {
 protected:
  // Of this process.
  Exposed& add() {
    exposed_.push_back(begin(test::manifest_of(surface_bytes)));
    exposed_.back().publish_all(surface_);
    return exposed_.back();
  }
  std::shared_ptr<OpenedSegment> open(const SurfaceId& id) const {
    auto opened = OpenedSegment::open(directory_.path(), id, Trust()).value();
    return opened;
  }
  // Opens a surface and leaves it to the cache.
  std::weak_ptr<OpenedSegment> keep(Cache& cache, const SurfaceId& id) const {
    const auto opened = open(id);
    cache->keep(opened);
    return opened;
  }
  static SurfaceId id_of(const Exposed& exposed) { return exposed.store->manifest().id; }

  const Bytes surface_ = pattern(surface_bytes);
  std::list<Exposed> exposed_;
};

TEST_F(MappingCacheTest, GivesTheSameMappingForAsLongAsTheSurfaceIsOffered) {
  Cache cache({.mappings = 4, .bytes = 1'000'000});
  Exposed& exposed = add();
  EXPECT_EQ(cache->find(id_of(exposed)), nullptr);
  const std::weak_ptr<OpenedSegment> kept = keep(cache, id_of(exposed));
  ASSERT_FALSE(kept.expired());
  {
    const auto found = cache->find(id_of(exposed));
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found, kept.lock());
    EXPECT_TRUE(std::ranges::equal(found->mapped(), surface_));
  }
  EXPECT_EQ(cache->find(SurfaceId::random()), nullptr);
  std::this_thread::sleep_for(MappingCache::look_interval + 300ms);
  EXPECT_NE(cache->find(id_of(exposed)), nullptr);
  exposed.segment->withdraw();
  EXPECT_EQ(cache->find(id_of(exposed)), nullptr);
  EXPECT_TRUE(kept.expired());
}

TEST_F(MappingCacheTest, LetsGoOfWhatIsWithdrawnWithoutBeingAsked) {
  Cache cache({.mappings = 4, .bytes = 1'000'000});
  Exposed& first = add();
  Exposed& second = add();
  const auto kept = keep(cache, id_of(first));
  const auto other = keep(cache, id_of(second));
  first.segment->withdraw();
  EXPECT_TRUE(comes_true([&] { return kept.expired(); }, 3 * MappingCache::look_interval));
  EXPECT_FALSE(other.expired());
  second.segment->withdraw();
  EXPECT_TRUE(comes_true([&] { return other.expired(); }, 3 * MappingCache::look_interval));
  // It looks again once there is something to look at.
  Exposed& third = add();
  const auto later = keep(cache, id_of(third));
  third.segment->withdraw();
  EXPECT_TRUE(comes_true([&] { return later.expired(); }, 3 * MappingCache::look_interval));
}

TEST_F(MappingCacheTest, LetsGoOfWhatADeadProcessExposed) {
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    const Exposed exposed = expose();
    parent.tell("exposed");
    parent.wait_to_be_killed();
  });
  ASSERT_TRUE(child.read_line());
  Cache cache({.mappings = 4, .bytes = 1'000'000});
  const auto kept = keep(cache, manifest_.id);
  EXPECT_NE(cache->find(manifest_.id), nullptr);
  child.kill();
  EXPECT_EQ(cache->find(manifest_.id), nullptr);
  EXPECT_TRUE(kept.expired());
}

TEST_F(MappingCacheTest, LetsGoOfADeadProcesssWithoutBeingAsked) {
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    const Exposed exposed = expose();
    parent.tell("exposed");
    parent.wait_to_be_killed();
  });
  ASSERT_TRUE(child.read_line());
  Cache cache({.mappings = 4, .bytes = 1'000'000});
  const auto kept = keep(cache, manifest_.id);
  child.kill();
  EXPECT_TRUE(comes_true([&] { return kept.expired(); }, 3 * MappingCache::look_interval));
}

TEST_F(MappingCacheTest, KeepsTheLatestUpToItsNumberOfMappings) {
  Cache cache({.mappings = 2, .bytes = 1'000'000});
  std::vector<std::weak_ptr<OpenedSegment>> kept;
  for (int i = 0; i < 4; ++i) kept.push_back(keep(cache, id_of(add())));
  const auto alive = [&] {
    std::vector<bool> result;
    for (const auto& one : kept) result.push_back(!one.expired());
    return result;
  };
  EXPECT_TRUE(comes_true(
      [&] {
        return alive() == std::vector{false, false, true, true};
      },
      3 * MappingCache::look_interval));
}

TEST_F(MappingCacheTest, KeepsUpToItsNumberOfBytes) {
  Cache cache({.mappings = 100, .bytes = 3 * surface_bytes - 1});
  std::vector<std::weak_ptr<OpenedSegment>> kept;
  for (int i = 0; i < 4; ++i) kept.push_back(keep(cache, id_of(add())));
  EXPECT_TRUE(
      comes_true([&] { return kept[0].expired() && kept[1].expired(); }, 3 * MappingCache::look_interval));
  EXPECT_FALSE(kept[2].expired() || kept[3].expired());
}

TEST_F(MappingCacheTest, KeepsNothingThatIsLargerThanAllOfIt) {
  Cache cache({.mappings = 100, .bytes = surface_bytes - 1});
  const auto kept = keep(cache, id_of(add()));
  EXPECT_TRUE(comes_true([&] { return kept.expired(); }, 3 * MappingCache::look_interval));
}

TEST_F(MappingCacheTest, CountsNoBytesThatViewsHoldAsWell) {
  Cache cache({.mappings = 100, .bytes = surface_bytes});
  std::vector<std::shared_ptr<OpenedSegment>> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(open(id_of(add())));
    cache->keep(held.back());
  }
  std::this_thread::sleep_for(MappingCache::look_interval + 300ms);
  for (const auto& segment : held) EXPECT_EQ(cache->find(segment->manifest().id), segment);
  const std::vector<std::weak_ptr<OpenedSegment>> weak(held.begin(), held.end());
  held.clear();
  EXPECT_TRUE(comes_true(
      [&] { return std::ranges::count_if(weak, [](const auto& one) { return !one.expired(); }) == 1; },
      3 * MappingCache::look_interval));
}

TEST_F(MappingCacheTest, ViewsOfManySurfacesHoldNoDescriptors) {
  Cache cache({.mappings = 2, .bytes = 1'000'000});
  const auto descriptors = [] {
    return std::ranges::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                 std::filesystem::directory_iterator());
  };
  std::vector<std::shared_ptr<OpenedSegment>> held;
  (void)add();  // with which the exposer's lock file comes
  const auto before = descriptors();
  for (int i = 0; i < 20; ++i) {
    held.push_back(open(id_of(add())));
    cache->keep(held.back());
  }
  EXPECT_LE(descriptors(), before + 2 * 2);
  for (const auto& segment : held) EXPECT_EQ(segment->mapped().size(), surface_bytes);
}

TEST_F(MappingCacheTest, LetsGoOfWhatSomebodyCutShort) {
  Cache cache({.mappings = 2, .bytes = 1'000'000});
  const SurfaceId id = id_of(add());
  (void)keep(cache, id);
  std::filesystem::resize_file(directory_.path() / segment_name(id), 0);
  EXPECT_EQ(cache->find(id), nullptr);
}

TEST_F(MappingCacheTest, WhatWasUsedLastIsLetGoLast) {
  Cache cache({.mappings = 2, .bytes = 1'000'000});
  const SurfaceId first = id_of(add());
  const auto used = keep(cache, first);
  const auto unused = keep(cache, id_of(add()));
  EXPECT_NE(cache->find(first), nullptr);
  const auto third = keep(cache, id_of(add()));
  EXPECT_TRUE(comes_true([&] { return unused.expired(); }, 3 * MappingCache::look_interval));
  EXPECT_FALSE(used.expired() || third.expired());
}

TEST_F(MappingCacheTest, OfNoMappingsKeepsNothing) {
  Cache cache({.mappings = 0, .bytes = 1'000'000});
  const SurfaceId id = id_of(add());
  EXPECT_TRUE(keep(cache, id).expired());
  EXPECT_EQ(cache->find(id), nullptr);
}

TEST_F(MappingCacheTest, KeepsNoFile) {
  Cache cache({.mappings = 4, .bytes = 1'000'000});
  const TemporaryDirectory files;
  write_file(files / "in", surface_);
  const Manifest manifest = test::manifest_of(surface_bytes);
  const SegmentHeader header{.kind = RegionKind::file,
                             .owner = {},
                             .manifest = manifest,
                             .file = {.path = files / "in", .stamp = stamp_of(status_of(files / "in"))}};
  const Exposed exposed(ExposedSegment::create(directory_.path(), header, Access::owner()).value(),
                        test::published_store(manifest, surface_));
  ASSERT_TRUE(exposed.segment->link());
  EXPECT_TRUE(keep(cache, manifest.id).expired());
}

TEST_F(MappingCacheTest, IsUsedFromSeveralThreadsAtOnce) {
  Cache cache({.mappings = 2, .bytes = 1'000'000});
  std::vector<SurfaceId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(id_of(add()));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (std::size_t t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 200; ++i) {
        const SurfaceId& id = ids[(i * (t + 1)) % ids.size()];
        auto segment = cache->find(id);
        if (segment == nullptr) {
          segment = open(id);
          cache->keep(segment);
        }
        if (!std::ranges::equal(segment->mapped(), surface_)) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(MappingCacheTest, MayGoWhileALookIsOnItsWay) {
  Exposed& exposed = add();
  for (int i = 0; i < 20; ++i) {
    Cache cache({.mappings = 1, .bytes = 1'000'000});
    keep(cache, id_of(exposed));
  }
}

}  // namespace
}  // namespace rgtp::shm
