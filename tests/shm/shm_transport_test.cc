// The memory transport through the public API, where what it finds is not what an exposer of this library
// makes.
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include <rgtp/rgtp.h>

#include "shm/futex.h"
#include "shm/segment_fixture.h"
#include "shm/segment_follower.h"
#include "support/forked_child.h"

namespace rgtp::shm {
namespace {

using namespace std::chrono_literals;

class ShmTransportTest : public SegmentTest {
 protected:
  std::shared_ptr<Transport> transport(Log log = {}) const {
    return shm_transport({.directory = directory_.path(), .log = std::move(log)});
  }
  Puller open_puller() const { return Puller::open({.transports = {transport()}}).value(); }
  Exposer open_exposer() const { return Exposer::open({.transports = {transport()}}).value(); }
  Locator locator() const { return Locator(Locator::ThisHost{manifest_.id}); }
};

// A live part that another process of this user writes as it likes.
class ForgedLivePart {
 public:
  explicit ForgedLivePart(const fs::path& object) {
    const int fd = ::open(object.c_str(), O_RDWR | O_CLOEXEC);
    memory_ = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT_NE(memory_, MAP_FAILED);
    ::close(fd);
  }
  ForgedLivePart(const ForgedLivePart&) = delete;
  ForgedLivePart& operator=(const ForgedLivePart&) = delete;
  ~ForgedLivePart() { ::munmap(memory_, 4096); }
  LivePart& live() const {
    return *reinterpret_cast<LivePart*>(static_cast<std::byte*>(memory_) + live_offset);
  }
  std::span<std::byte> index() const {
    return {static_cast<std::byte*>(memory_) + path_offset, 4096 - path_offset};
  }
  void tell() const {
    ++live().counter;
    futex_wake_all(live().counter);
  }

 private:
  void* memory_ = nullptr;
};

TEST_F(ShmTransportTest, WhateverALivePartSaysAPullEnds) {
  Manifest manifest = manifest_;
  manifest.size_pending = true;
  std::mt19937_64 random(4711);
  const std::uint64_t sizes[] = {
      0, 1, 4096, bytes_.size(), manifest.stored_bytes(), unknown_size - 1, unknown_size};
  Puller puller = open_puller();
  for (int round = 0; round < 60; ++round) {
    Exposed exposed = begin(manifest);
    {
      const ForgedLivePart forged(object());
      const auto scribble = [&] {
        forged.live().published = static_cast<std::uint32_t>(random() % 3 == 0 ? random() : random() % 8);
        forged.live().final_size = sizes[random() % std::size(sizes)];
        for (std::byte& byte : forged.index().first(64)) byte = static_cast<std::byte>(random());
        // Forward alone: whoever goes back to growing may as well never publish.
        if (random() % 4 == 0) forged.live().state = static_cast<std::uint32_t>(SurfaceState::finished);
      };
      scribble();
      Pull arrival = puller.pull(locator());
      Pull content = puller.pull(locator(), {.order = Order::content});
      Pull verified = puller.pull(locator(), {.verify = Verify::always});
      for (int i = 0; i < 5; ++i) {
        scribble();
        forged.tell();
        std::this_thread::sleep_for(1ms);
      }
      forged.live().state = static_cast<std::uint32_t>(SurfaceState::aborted);
      forged.tell();
      for (Pull* const pull : {&arrival, &verified}) {
        const auto end = pull->complete().get();
        if (end) {
          EXPECT_LE(end->size(), manifest.stored_bytes());
        } else {
          EXPECT_TRUE(end.error().code == Errc::aborted || end.error().code == Errc::malformed_data ||
                      end.error().code == Errc::corrupted)
              << end.error().message();
        }
      }
      std::uint64_t given = 0;
      for (auto next = content.next().get(); next && *next; next = content.next().get())
        given += (*next)->size();
      EXPECT_LE(given, manifest.stored_bytes());
    }
  }
}

TEST_F(ShmTransportTest, AnObjectThatIsCutShortUnderAWaitingPullEndsIt) {
  Exposed exposed = begin(manifest_);
  exposed.publish(0, bytes_);
  Puller puller = open_puller();
  Pull pull = puller.pull(locator());
  ASSERT_TRUE(pull.next().get().value());
  auto next = pull.next();
  const auto length = fs::file_size(object());
  fs::resize_file(object(), 4096);
  const auto ended = next.get();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::source_changed) << ended.error().message();
  fs::resize_file(object(), length);  // its exposer withdraws it through a mapping
}

TEST_F(ShmTransportTest, WhatIsPlantedUnderTheNameIsWarnedOfAndThePullFallsBack) {
  auto udp_exposer = Exposer::open({.transports = {udp_transport()}}).value();
  const auto surface = udp_exposer.expose(Source::bytes(bytes_)).get().value();
  ASSERT_EQ(::mkfifo((directory_ / segment_name(*surface.locator().id())).c_str(), 0600), 0);
  std::mutex mutex;
  std::vector<std::string> warnings;
  Puller puller = Puller::open({.transports = {transport([&](LogLevel level, std::string_view text) {
                                                 const std::lock_guard lock(mutex);
                                                 EXPECT_EQ(level, LogLevel::warning);
                                                 warnings.emplace_back(text);
                                               }),
                                               udp_transport()}})
                      .value();
  Pull pull = puller.pull(surface.locator());
  const auto view = pull.complete().get();
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_TRUE(std::ranges::equal(view->bytes(), bytes_));
  EXPECT_EQ(pull.transport(), "udp");
  const std::lock_guard lock(mutex);
  ASSERT_FALSE(warnings.empty());
  EXPECT_NE(warnings[0].find("no segment"), std::string::npos) << warnings[0];
  EXPECT_EQ(warnings[0].find(surface.locator().id()->to_hex()), std::string::npos);
}

TEST_F(ShmTransportTest, AFileThatTheAllowedUsersCannotOpenIsNotExposedToThem) {
  const TemporaryDirectory files;
  write_file(files / "in", bytes_);
  ASSERT_EQ(::chmod((files / "in").c_str(), 0600), 0);
  Exposer exposer = open_exposer();
  const auto refused = exposer.expose(Source::file(files / "in"), {.access = Access::everyone()}).get();
  expect_error(refused, Errc::denied, "in'");
  EXPECT_TRUE(exposer.expose(Source::file(files / "in")).get());
  ASSERT_EQ(::chmod((files / "in").c_str(), 0644), 0);
  EXPECT_TRUE(exposer.expose(Source::file(files / "in"), {.access = Access::everyone()}).get());
}

// Whether it does for anybody.
bool kernel_makes_huge_pages() {
  const Descriptor memory(::memfd_create("test", MFD_CLOEXEC));
  boost::interprocess::mapped_region mapping;
  EXPECT_EQ(::ftruncate(memory.get(), huge_page_bytes), 0);
  EXPECT_EQ(map_file(memory.get(), boost::interprocess::read_write, huge_page_bytes, mapping), 0);
  std::ranges::fill(bytes_of(mapping), std::byte{1});
  constexpr int collapse = 25;  // MADV_COLLAPSE
  return ::madvise(mapping.get_address(), huge_page_bytes, collapse) == 0;
}

TEST_F(ShmTransportTest, ASurfaceThatLivesLongIsMadeOfHugePagesWhileItIsRead) {
  if (!kernel_makes_huge_pages()) GTEST_SKIP() << "this kernel makes no huge pages of shared memory";
  const Bytes large = pattern(5 * huge_page_bytes + 12'345);
  const ShmOptions options{.directory = directory_.path(), .huge_pages_after = std::chrono::milliseconds(50)};
  Exposer exposer = Exposer::open({.transports = {shm_transport(options)}}).value();
  const auto whole = exposer.expose(Source::bytes(large)).get().value();
  // Of a capacity no more than was used.
  auto writer = exposer.begin({.capacity = 64 * huge_page_bytes, .expose = {.chunk_bytes = 1 << 20}}).value();
  for (ChunkIndex chunk{0}; chunk.value < 5; ++chunk.value) {
    const auto loan = writer.loan(chunk).value();
    std::copy_n(large.begin() + chunk.value * (1 << 20), 1 << 20, loan.begin());
    ASSERT_TRUE(writer.publish(chunk));
  }
  const auto grown = std::move(writer).finish(5 << 20).value();
  Puller puller = open_puller();
  Pull pull = puller.pull(whole.locator());
  const auto view = pull.complete().get().value();
  const auto has = [](const Surface& surface) { return surface.stats().huge_page_bytes; };
  const auto is_large = [&](std::span<const std::byte> bytes) {
    return bytes.size() == large.size() && std::memcmp(bytes.data(), large.data(), large.size()) == 0;
  };
  // A page that somebody maps at that moment may be passed over.
  for (int looks = 0; looks < 1000 && (has(whole) < 5 * huge_page_bytes || has(grown) < 2 * huge_page_bytes);
       ++looks) {
    ASSERT_TRUE(is_large(view.bytes()));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_GE(has(whole), huge_page_bytes);
  EXPECT_GE(has(grown), huge_page_bytes);
  EXPECT_LE(has(whole), 5 * huge_page_bytes);
  EXPECT_LE(has(grown), 2 * huge_page_bytes);
  EXPECT_TRUE(is_large(view.bytes()));
  Pull again = open_puller().pull(whole.locator());
  EXPECT_TRUE(is_large(again.complete().get().value().bytes()));
}

TEST_F(ShmTransportTest, ASurfaceThatIsTakenBackIsLeftAlone) {
  const Bytes large = pattern(64 * huge_page_bytes);
  const ShmOptions options{.directory = directory_.path(), .huge_pages_after = std::chrono::milliseconds(1)};
  Exposer exposer = Exposer::open({.transports = {shm_transport(options)}}).value();
  for (int i = 0; i < 3; ++i) {
    const auto surface = exposer.expose(Source::bytes(std::span(large))).get().value();
    std::this_thread::sleep_for(std::chrono::milliseconds(20 * i));
  }
  EXPECT_TRUE(test::comes_true([&] { return names().size() <= 1; }));
}

TEST_F(ShmTransportTest, ASnapshotIsWhatTheFileWasAndOfNobodysPermissions) {
  const TemporaryDirectory files;
  write_file(files / "in", bytes_);
  ASSERT_EQ(::chmod((files / "in").c_str(), 0600), 0);
  Exposer exposer = open_exposer();
  const auto surface =
      exposer.expose(Source::snapshot(files / "in"), {.access = Access::everyone()}).get().value();
  EXPECT_EQ(surface.manifest().name, "in");
  write_file(files / "in", pattern(bytes_.size(), 77));
  Puller puller = open_puller();
  for (const Verify verify : {Verify::copies, Verify::always}) {
    Pull pull = puller.pull(surface.locator(), {.verify = verify});
    const auto view = pull.complete().get();
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_TRUE(std::ranges::equal(view->bytes(), bytes_));
  }
}

TEST_F(ShmTransportTest, ASnapshotOfAFileThatIsChangedMeanwhileIsNone) {
  const TemporaryDirectory files;
  const fs::path path = files / "in";
  write_file(path, Bytes(64 * 1024 * 1024));
  std::atomic<bool> exposed = false;
  std::thread writer([&] {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (char c = 0; !exposed; ++c) file.seekp(40'000'000).put(c).flush();
  });
  Exposer exposer = open_exposer();
  const auto surface = exposer.expose(Source::snapshot(path)).get();
  exposed = true;
  writer.join();
  expect_error(surface, Errc::source_changed, "'");
}

TEST_F(ShmTransportTest, InFourMebibytesOfSharedMemoryWhatDoesNotFitIsAnErrorAndTheRestWorks) {
  constexpr std::size_t mib = 1024 * 1024;
  test::ForkedChild child([&](const test::ForkedChild::Parent& parent) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, "size=4m,mode=700") != 0)
      return parent.tell("skip");
    Exposer exposer = open_exposer();
    Puller puller = open_puller();
    const auto comes = [&](const Locator& locator, std::span<const std::byte> bytes) {
      Pull pull = puller.pull(locator);
      const auto view = pull.complete().get();
      return view && std::ranges::equal(view->bytes(), bytes);
    };
    const Bytes small = pattern(mib);
    const Bytes large = pattern(5 * mib);
    const auto surface = exposer.expose(Source::bytes(small)).get().value();
    EXPECT_TRUE(comes(surface.locator(), small));
    expect_error(exposer.expose(Source::bytes(large)).get(), Errc::no_space, " are free there");
    expect_error(exposer.begin({.size = large.size()}), Errc::no_space, "enlarge it");
    // As much as fits of what grows, and what was published stays.
    auto writer = exposer.begin({.capacity = 64 * mib, .expose = {.chunk_bytes = 65'536}}).value();
    Pull growing = puller.pull(writer.locator(), {.order = Order::content});
    ChunkIndex chunk{0};
    for (; chunk.value < 64; ++chunk.value) {
      const auto loan = writer.loan(chunk);
      if (!loan) {
        expect_error(loan, Errc::no_space, " are free there");
        break;
      }
      std::copy_n(large.begin() + chunk.value * 65'536, 65'536, loan->begin());
      EXPECT_TRUE(writer.publish(chunk));
      const auto view = growing.next().get();
      EXPECT_TRUE(view && *view && std::ranges::equal((*view)->bytes(), *loan));
    }
    EXPECT_GT(chunk.value, 10U);
    EXPECT_LT(chunk.value, 48U);
    EXPECT_TRUE(comes(surface.locator(), small));
    // This memory is not in the directory.
    const auto decided =
        exposer.expose(Source::bytes(large), {.access = Access::decide([](const Asker&) { return true; })})
            .get();
    EXPECT_TRUE(decided && comes(decided->locator(), large));
    const auto finished = std::move(writer).finish(chunk.value * 65'536U);
    EXPECT_TRUE(finished && comes(finished->locator(), std::span(large).first(chunk.value * 65'536U)));
    parent.tell("done");
  });
  const auto said = child.read_line();
  if (said == "skip") GTEST_SKIP() << "no mount namespace can be made here";
  EXPECT_EQ(said, "done");
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(ShmTransportTest, AnExposersOptionsReachTheObject) {
  Exposer exposer = open_exposer();
  const auto surface = exposer.expose(Source::bytes(bytes_), {.access = Access::everyone()}).get().value();
  EXPECT_EQ(mode_of(directory_ / segment_name(*surface.locator().id())), 0644U);
}

TEST_F(ShmTransportTest, NothingIsLeftAfterTheHandlesAreGone) {
  {
    Exposer exposer = open_exposer();
    Puller puller = open_puller();
    const auto surface = exposer.expose(Source::bytes(bytes_)).get().value();
    auto writer = exposer.begin({.capacity = 100'000}).value();
    Pull pull = puller.pull(surface.locator());
    ASSERT_TRUE(pull.complete().get());
    EXPECT_EQ(names().size(), 3U);
  }
  EXPECT_TRUE(names().empty());
}

TEST_F(ShmTransportTest, TwoThreadsThatWaitForOnePullBothHearOfEachChunkAtOnce) {
  constexpr std::uint32_t chunks = 1000;
  std::mt19937 random(7);
  for (const Wait wait : {Wait::block, Wait::spin}) {
    Exposer exposer = open_exposer();
    Puller puller = open_puller();
    auto writer = exposer.begin({.size = chunks * 4096, .expose = {.chunk_bytes = 4096}}).value();
    Pull pull = puller.pull(writer.locator(), {.wait = wait});
    std::thread whole([complete = pull.complete()]() mutable { EXPECT_TRUE(complete.get()); });
    std::atomic<std::uint32_t> taken = 0;
    std::thread each([&] {
      while (const auto chunk = pull.next().get().value()) ++taken;
    });
    int late = 0;
    for (ChunkIndex chunk{0}; chunk.value < chunks; ++chunk.value) {
      (void)writer.loan(chunk).value();
      // At any moment of asking for the next one.
      for (auto looks = random() % 200; looks > 0; --looks) (void)taken.load();
      const auto published = std::chrono::steady_clock::now();
      EXPECT_TRUE(writer.publish(chunk));
      // Whoever sleeps although its chunk is there is woken by the next one only, or looks again by itself.
      while (taken <= chunk.value) std::this_thread::yield();
      late += std::chrono::steady_clock::now() - published > SegmentFollower::look_interval / 2 ? 1 : 0;
    }
    EXPECT_LE(late, 2);
    const auto surface = std::move(writer).finish();
    each.join();
    whole.join();
    EXPECT_EQ(taken, chunks);
  }
}

TEST_F(ShmTransportTest, AViewOutlivesEverything) {
  std::optional<View> view;
  {
    Exposer exposer = open_exposer();
    Puller puller = open_puller();
    const auto surface = exposer.expose(Source::bytes(bytes_)).get().value();
    Pull pull = puller.pull(surface.locator());
    view = pull.complete().get().value();
  }
  EXPECT_TRUE(names().empty());
  EXPECT_TRUE(std::ranges::equal(view->bytes(), bytes_));
}

TEST_F(ShmTransportTest, AWithdrawnSurfaceIsNotServedFromAKeptMapping) {
  Exposer exposer = open_exposer();
  Puller puller = open_puller();
  std::optional<Surface> surface = exposer.expose(Source::bytes(bytes_)).get().value();
  const Locator where = surface->locator();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(puller.pull(where).complete().get());
  surface.reset();
  EXPECT_TRUE(test::comes_true([&] { return names().size() < 2; }));
  const auto code = puller.pull(where).complete().get().error().code;
  EXPECT_TRUE(code == Errc::unknown_surface || code == Errc::withdrawn) << to_string(code);
}

}  // namespace
}  // namespace rgtp::shm
