// What the memory route promises beyond moving the bytes: in which thread, to whom, and what is said when it
// is not taken.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

#include "support/pattern.h"
#include "support/temporary_directory.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

class MemoryRoute : public testing::Test {
 protected:
  std::shared_ptr<Transport> memory(ShmOptions options = {}) const {
    options.directory = directory_.path();
    return shm_transport(std::move(options));
  }
  Exposer exposer(Log log = {}) const {
    return Exposer::open({.transports = {memory(), udp_transport()}, .log = std::move(log)}).value();
  }
  Puller puller(std::shared_ptr<EventLoop> loop = nullptr) const {
    return Puller::open({.loop = std::move(loop), .transports = {memory(), udp_transport()}}).value();
  }
  std::filesystem::path segment() const {
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
      if (!entry.path().filename().string().starts_with("rgtp-owner-")) return entry.path();
    return {};
  }

  const TemporaryDirectory directory_{"/dev/shm"};
  const std::vector<std::byte> bytes_ = pattern(300'000);
};

// A loop whose thread does nothing until this goes.
class BlockedLoop {
 public:
  BlockedLoop() {
    std::promise<void> blocked;
    EXPECT_TRUE(loop_->post([&blocked, gate = gate_.get_future().share()] {
      blocked.set_value();
      gate.wait();
    }));
    blocked.get_future().wait();
  }
  ~BlockedLoop() { release(); }
  void release() {
    if (!std::exchange(released_, true)) gate_.set_value();
  }
  std::shared_ptr<EventLoop> loop() const { return loop_; }

 private:
  std::promise<void> gate_;
  std::shared_ptr<EventLoop> loop_ = EventLoop::spawn().value();
  bool released_ = false;
};

TEST_F(MemoryRoute, AFinishedSurfaceIsPulledByTheCallingThreadAlone) {
  Exposer e = exposer();
  const Surface surface = e.expose(Source::bytes(bytes_)).get().value();
  BlockedLoop blocked;
  Puller p = puller(blocked.loop());
  for (int round = 0; round < 2; ++round) {  // mapped anew, and as kept
    Pull whole = p.pull(surface.locator());
    EXPECT_TRUE(std::ranges::equal(whole.complete().get().value().bytes(), bytes_));
    Pull parts = p.pull(surface.locator(), {.range = {70'000, 100'000}, .order = Order::content});
    std::size_t got = 0;
    while (auto chunk = parts.next().get().value()) got += chunk->size();
    EXPECT_EQ(got, 100'000U);
    Pull past = p.pull(surface.locator(), {.range = {0, 300'001}});
    EXPECT_EQ(past.complete().get().error().code, Errc::out_of_range);
    Pull none = p.pull(Locator(Locator::ThisHost{SurfaceId::random()}));
    EXPECT_EQ(none.complete().get().error().code, Errc::unknown_surface);
  }
  blocked.release();
}

TEST_F(MemoryRoute, ACallbackOfAPullThatWasReadyAtOnceStillRunsOnTheLoop) {
  Exposer e = exposer();
  const Surface surface = e.expose(Source::bytes(bytes_)).get().value();
  auto loop = EventLoop::spawn().value();
  Puller p = puller(loop);
  Pull pull = p.pull(surface.locator());
  std::promise<bool> on_loop;
  ASSERT_TRUE(pull.complete().then([&](const Result<View>&) { on_loop.set_value(loop->on_loop_thread()); }));
  auto future = on_loop.get_future();
  ASSERT_EQ(future.wait_for(5s), std::future_status::ready);
  EXPECT_TRUE(future.get());
}

TEST_F(MemoryRoute, AGrowingSurfaceIsFollowedByTheThreadThatWaitsAlone) {
  Exposer e = exposer();
  BlockedLoop blocked;
  Puller p = puller(blocked.loop());
  for (const Wait wait : {Wait::block, Wait::spin}) {
    SurfaceWriter writer = e.begin({.size = bytes_.size()}).value();
    const std::uint32_t chunk_bytes = writer.manifest().chunk_bytes;
    Pull pull = p.pull(writer.locator(), {.order = Order::content, .wait = wait});
    std::thread writing([&] {
      for (std::uint32_t chunk = 0; chunk < writer.manifest().chunk_count(); ++chunk) {
        std::this_thread::sleep_for(3ms);
        const auto part = std::span(bytes_).subspan(std::size_t{chunk} * chunk_bytes);
        const auto loan = writer.loan(ChunkIndex{chunk}).value();
        std::ranges::copy(part.first(std::min(part.size(), loan.size())), loan.begin());
        EXPECT_TRUE(writer.publish(ChunkIndex{chunk}));
      }
    });
    std::vector<std::byte> got;
    while (auto chunk = pull.next().get().value())
      got.insert(got.end(), chunk->bytes().begin(), chunk->bytes().end());
    writing.join();
    EXPECT_EQ(got, bytes_);
    EXPECT_EQ(pull.transport(), "shm");
    (void)std::move(writer).finish();
  }
  blocked.release();
}

TEST_F(MemoryRoute, APullThatWaitsInTheCallingThreadServesGetAlone) {
  Exposer e = exposer();
  SurfaceWriter writer = e.begin({.size = bytes_.size()}).value();
  Puller p = puller();
  Pull pull = p.pull(writer.locator(), {.wait = Wait::block});
  bool ran = false;
  auto next = pull.next();
  EXPECT_EQ(next.then([&](const auto&) { ran = true; }).error().code, Errc::invalid_argument);
  const auto loan = writer.loan(ChunkIndex{0}).value();
  std::ranges::copy(std::span(bytes_).first(loan.size()), loan.begin());
  ASSERT_TRUE(writer.publish(ChunkIndex{0}));
  EXPECT_EQ(next.get().value().value().offset(), 0U) << "nothing is lost by asking in vain";
  Task<Errc> task = [](Pull& awaited) -> Task<Errc> {
    auto view = co_await awaited.complete();
    co_return view ? Errc::io_error : view.error().code;
  }(pull);
  EXPECT_EQ(task.get(), Errc::invalid_argument);
  EXPECT_FALSE(ran);
}

TEST_F(MemoryRoute, EverythingMayGoWhileAPullIsWaitedFor) {
  Exposer e = exposer();
  for (const Wait wait : {Wait::block, Wait::spin}) {
    SurfaceWriter writer = e.begin({.size = bytes_.size()}).value();
    std::optional<Puller> p = puller();
    std::optional<Pull> pull = p->pull(writer.locator(), {.wait = wait});
    auto waiting = std::async(std::launch::async, [next = pull->next()]() mutable { return next.get(); });
    std::this_thread::sleep_for(5ms);
    pull.reset();
    p.reset();  // and with it the loop
    EXPECT_EQ(waiting.get().error().code, Errc::cancelled);
  }
}

TEST_F(MemoryRoute, AWaitInTheCallingThreadThatNeedsAClosedLoopEnds) {
  Exposer e = exposer();
  std::optional<SurfaceWriter> writer = e.begin({.size = bytes_.size()}).value();
  auto loop = EventLoop::spawn().value();
  Puller p = puller(loop);
  Pull pull = p.pull(writer->locator(), {.wait = Wait::block});
  auto waiting = std::async(std::launch::async, [next = pull.next()]() mutable { return next.get(); });
  ASSERT_TRUE(loop->close().get());
  writer.reset();  // packets would be next
  EXPECT_EQ(waiting.get().error().code, Errc::closed);
}

TEST_F(MemoryRoute, WhereNothingCameByMemoryAWaitInTheCallingThreadGoesOnByPackets) {
  Exposer e = exposer();
  std::optional<SurfaceWriter> writer = e.begin({.size = bytes_.size()}).value();
  Puller p = puller();
  Pull pull = p.pull(writer->locator(), {.wait = Wait::block});
  auto waiting = std::async(std::launch::async, [next = pull.next()]() mutable { return next.get(); });
  std::this_thread::sleep_for(20ms);
  writer.reset();
  const auto got = waiting.get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::aborted);
  EXPECT_NE(got.error().message().find("shm: the exposer gave the surface up"), std::string::npos);
}

TEST_F(MemoryRoute, APersistentSurfaceThatIsLeftStaysAndOneThatIsDestroyedGoes) {
  Puller p = puller();
  for (const bool leave : {true, false}) {
    std::optional<Exposer> e = exposer();
    std::optional<Surface> surface = e->expose(Source::bytes(bytes_), {.persistent = true}).get().value();
    const Locator locator = surface->locator();
    if (leave) {
      ASSERT_TRUE(std::move(*surface).leave());
    }
    surface.reset();
    e.reset();
    Pull pull = p.pull(locator, {.route = Route::only("shm")});
    const auto view = pull.complete().get();
    EXPECT_EQ(view.has_value(), leave);
    if (view) {
      EXPECT_TRUE(std::ranges::equal(view->bytes(), bytes_));
    }
  }
  EXPECT_EQ(clear_host(directory_.path(), {.persistent = true}).value().segments, 1U);
}

TEST_F(MemoryRoute, OnlyAFinishedPersistentSurfaceOfARouteByMemoryIsLeft) {
  Exposer e = exposer();
  auto loop = EventLoop::spawn().value();
  {
    Exposer closed = Exposer::open({.loop = loop, .transports = {memory()}}).value();
    Surface late = closed.expose(Source::bytes(bytes_), {.persistent = true}).get().value();
    ASSERT_TRUE(loop->close().get());
    EXPECT_EQ(std::move(late).leave().error().code, Errc::closed);
  }
  Surface surface = e.expose(Source::bytes(bytes_)).get().value();
  const Locator locator = surface.locator();
  EXPECT_EQ(std::move(surface).leave().error().code, Errc::invalid_argument);
  Puller p = puller();
  EXPECT_TRUE(p.pull(locator).complete().get()) << "it is exposed as before";
  const auto refused =
      e.expose(Source::bytes(bytes_), {.route = Route::only("udp"), .persistent = true}).get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_route);
}

TEST_F(MemoryRoute, SaysWhyMemoryWasNotTaken) {
  Exposer by_packets = Exposer::open({.transports = {udp_transport()}}).value();
  const Surface surface = by_packets.expose(Source::bytes(bytes_)).get().value();
  Puller p = puller();
  Pull pull = p.pull(surface.locator());
  ASSERT_TRUE(pull.complete().get());
  EXPECT_EQ(pull.transport(), "udp");
  ASSERT_EQ(pull.stats().routes_not_taken.size(), 1U);
  EXPECT_NE(pull.stats().routes_not_taken[0].find("shm: no segment"), std::string::npos);

  auto where = std::get<Locator::Network>(surface.locator().where());
  where.id = SurfaceId::random();
  Pull unknown = p.pull(Locator(where));
  const Error error = unknown.complete().get().error();
  EXPECT_EQ(error.code, Errc::unknown_surface);
  EXPECT_NE(error.message().find("shm: no segment"), std::string::npos);
}

TEST_F(MemoryRoute, ASegmentOfANewerLayoutIsNamedAsTheReason) {
  Exposer e = exposer();
  const Surface surface = e.expose(Source::bytes(bytes_)).get().value();
  {
    std::fstream object(segment(), std::ios::in | std::ios::out | std::ios::binary);
    object.seekp(8);
    object.put(2);
  }
  Puller p = puller();
  Pull pull = p.pull(surface.locator());
  ASSERT_TRUE(pull.complete().get());
  EXPECT_EQ(pull.transport(), "udp");
  EXPECT_NE(pull.stats().routes_not_taken.at(0).find("newer layout"), std::string::npos);
  Pull only = p.pull(surface.locator(), {.route = Route::only("shm")});
  EXPECT_EQ(only.complete().get().error().code, Errc::unsupported_version);
}

TEST_F(MemoryRoute, AnAccessThatIsGivenMakesASurfaceMemoryOnly) {
  Exposer e = exposer();
  const Surface surface = e.expose(Source::bytes(bytes_), {.access = Access::everyone()}).get().value();
  EXPECT_TRUE(std::holds_alternative<Locator::ThisHost>(surface.locator().where()));
  struct stat status = {};
  ASSERT_EQ(stat(segment().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U);
  Exposer packets = Exposer::open({.transports = {udp_transport()}}).value();
  EXPECT_EQ(packets.expose(Source::bytes(bytes_), {.access = Access::everyone()}).get().error().code,
            Errc::no_route);
}

TEST_F(MemoryRoute, AnAccessUnderANamedRouteGovernsMemoryAloneAndTheLogSaysSo) {
  std::promise<std::string> warned;
  Exposer e = exposer([&](LogLevel level, std::string_view line) {
    if (level == LogLevel::warning) warned.set_value(std::string(line));
  });
  const Surface surface =
      e.expose(Source::bytes(bytes_), {.route = Route::among({"shm", "udp"}), .access = Access::owner()})
          .get()
          .value();
  EXPECT_TRUE(std::holds_alternative<Locator::Network>(surface.locator().where()));
  EXPECT_NE(warned.get_future().get().find("access governs memory alone"), std::string::npos);
}

TEST_F(MemoryRoute, AFileThatThoseWithAccessCannotOpenIsRefused) {
  const auto path = directory_.path() / "secret.bin";
  std::ofstream(path) << "secret";
  std::filesystem::permissions(path,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  Exposer e = exposer();
  const auto refused = e.expose(Source::file(path), {.access = Access::everyone()}).get();
  EXPECT_EQ(refused.error().code, Errc::denied);
  EXPECT_NE(refused.error().message().find("secret.bin"), std::string::npos);
  EXPECT_TRUE(e.expose(Source::file(path), {.access = Access::owner()}).get());
}

TEST_F(MemoryRoute, AFileThatCannotHaveItsNameInTheEndIsAnErrorOfNextToo) {
  const auto path = directory_.path() / "out.bin";
  Exposer e = exposer();
  auto writer = e.begin({.size = 2 * 4096, .expose = {.chunk_bytes = 4096}}).value();
  Puller p = puller();
  Pull pull = p.pull(writer.locator(), {.into = path, .if_exists = IfExists::refuse});
  const auto publish = [&](std::uint32_t chunk) {
    (void)writer.loan(ChunkIndex{chunk}).value();
    EXPECT_TRUE(writer.publish(ChunkIndex{chunk}));
  };
  publish(0);
  ASSERT_TRUE(pull.next().get().value());
  std::ofstream(path) << "somebody else's";
  publish(1);
  ASSERT_TRUE(pull.next().get().value());
  const auto end = pull.next().get();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::already_exists);
  EXPECT_EQ(pull.complete().get().error().code, Errc::already_exists);
}

TEST_F(MemoryRoute, ChunksThatWerePublishedAreInTheFileBeforeThePullEndsWithAnError) {
  const auto bytes = pattern(3 * 4096);
  Exposer e = exposer();
  std::optional writer = e.begin({.size = 40 * 4096, .expose = {.chunk_bytes = 4096}}).value();
  for (std::uint32_t chunk = 0; chunk < 30; ++chunk) {
    const auto loan = writer->loan(ChunkIndex{chunk}).value();
    std::ranges::copy(std::span(bytes).first(4096), loan.begin());
    EXPECT_TRUE(writer->publish(ChunkIndex{chunk}));
  }
  Puller p = puller();
  Pull pull = p.pull(writer->locator(), {.into = directory_.path() / "out.bin", .order = Order::content});
  ASSERT_TRUE(pull.next().get().value());
  writer.reset();
  for (std::uint32_t chunk = 1; chunk < 30; ++chunk) {
    const auto view = pull.next().get();
    ASSERT_TRUE(view) << chunk << ": " << view.error().message();
    EXPECT_TRUE(std::ranges::equal((*view)->bytes(), std::span(bytes).first(4096)));
  }
  EXPECT_EQ(pull.next().get().error().code, Errc::aborted);
}

// Stores through a mapping that was written through before leave a file's times as they are.
TEST_F(MemoryRoute, AStoreThroughSomebodysMappingIsCaughtByACopyAndWhereItIsVerified) {
  const auto path = directory_.path() / "data.bin";
  std::ofstream(path) << std::string(200'000, 'a');
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  auto* const mapping =
      static_cast<char*>(::mmap(nullptr, 200'000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  mapping[150'000] = 'a';
  Exposer e = exposer();
  const Surface surface = e.expose(Source::file(path)).get().value();
  Puller p = puller();
  mapping[150'000] = 'b';
  const auto out = directory_.path() / "out.bin";
  for (const PullOptions& options : {PullOptions{.into = out}, PullOptions{.verify = Verify::always},
                                     PullOptions{.route = Route::only("udp")}}) {
    Pull pull = p.pull(surface.locator(), options);
    const auto end = pull.complete().get();
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code, Errc::corrupted) << end.error().message();
  }
  EXPECT_FALSE(std::filesystem::exists(out));
  // What a view that is not verified shows is what the documentation says.
  Pull plain = p.pull(surface.locator());
  EXPECT_EQ(plain.complete().get().value().bytes()[150'000], std::byte{'b'});
  ::munmap(mapping, 200'000);
  ::close(fd);
}

TEST_F(MemoryRoute, AFileThatIsCutShortWhileItIsCopiedIsAnError) {
  const auto path = directory_.path() / "data.bin";
  std::ofstream(path) << std::string(200'000, 'a');
  Exposer e = exposer();
  const Surface surface = e.expose(Source::file(path)).get().value();
  BlockedLoop blocked;
  Puller p = puller(blocked.loop());
  const auto out = directory_.path() / "out.bin";
  Pull pull = p.pull(surface.locator(), {.into = out});
  ASSERT_TRUE(blocked.loop()->post([&] { std::filesystem::resize_file(path, 100); }));
  blocked.release();
  const auto end = pull.complete().get();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::source_changed) << end.error().message();
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(MemoryRoute, AFileThatIsWrittenToWhileItIsPulledIsSaidToHaveChanged) {
  const auto path = directory_.path() / "data.bin";
  const auto out = directory_.path() / "out.bin";
  for (const PullOptions& options : {PullOptions{.into = out}, PullOptions{.verify = Verify::always},
                                     PullOptions{.order = Order::content, .verify = Verify::always}}) {
    std::ofstream(path) << std::string(200'000, 'a');
    Exposer e = exposer();
    const Surface surface = e.expose(Source::file(path)).get().value();
    std::this_thread::sleep_for(20ms);  // or its times may be the same
    BlockedLoop blocked;
    Puller p = puller(blocked.loop());
    Pull pull = p.pull(surface.locator(), options);
    // Behind its opening, and before its first chunk.
    ASSERT_TRUE(blocked.loop()->post([&] {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(100);
      file.put('b');
    }));
    blocked.release();
    Result<std::optional<View>> end = pull.next().get();
    while (end && *end) end = pull.next().get();
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code, Errc::source_changed) << end.error().message();
  }
  EXPECT_FALSE(std::filesystem::exists(out));
}

// Bytes of the mapping around the address that are mapped (proc_pid_smaps(5), Rss).
std::size_t mapped_around(const std::byte* address) {
  std::ifstream maps("/proc/self/smaps");
  bool is_it = false;
  for (std::string line; std::getline(maps, line);) {
    char* rest = nullptr;
    const auto from = std::strtoull(line.c_str(), &rest, 16);
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    if (*rest == '-')
      is_it = from <= at && at < std::strtoull(rest + 1, nullptr, 16);
    else if (is_it && line.starts_with("Rss:"))
      return std::strtoull(line.c_str() + 4, nullptr, 10) * 1024;
  }
  return 0;
}

TEST_F(MemoryRoute, PagesAreMappedBeforeTheViewIsGivenWhereThatIsAskedFor) {
  constexpr std::size_t pages = 500;
  Exposer e = exposer();
  const Surface surface = e.expose(Source::bytes(pattern(pages * 4096))).get().value();
  Puller p = Puller::open({.transports = {memory({.kept_mappings = 0})}}).value();
  const auto mapped_by = [&](const PullOptions& options) {
    Pull pull = p.pull(surface.locator(), options);
    const auto view = pull.complete().get().value();
    return mapped_around(view.bytes().data());
  };
  EXPECT_LT(mapped_by({}), 100U * 4096);
  EXPECT_GE(mapped_by({.prefault = true}), pages * 4096);
  // By two threads.
  constexpr std::size_t large = (16 << 20) + 5000;
  const Surface other = e.expose(Source::bytes(std::vector<std::byte>(large))).get().value();
  Pull pull = p.pull(other.locator(), {.prefault = true});
  EXPECT_GE(mapped_around(pull.complete().get().value().bytes().data()), large);
  const std::size_t part = mapped_by({.range = {5000, 200 * 4096}, .prefault = true});
  EXPECT_GE(part, 200U * 4096);
  EXPECT_LT(part, pages * 4096);
}

// On a tmpfs even reading takes memory where nothing was written.
TEST_F(MemoryRoute, NoMoreOfACapacityIsMappedAheadThanWasWritten) {
  Exposer e = exposer();
  auto writer = e.begin({.capacity = 64 << 20, .expose = {.chunk_bytes = 65'536}}).value();
  std::ranges::fill(writer.loan(ChunkIndex{0}).value(), std::byte{1});
  ASSERT_TRUE(writer.publish(ChunkIndex{0}));
  const Surface surface = std::move(writer).finish(65'536).value();
  const auto blocks = [&] {
    struct stat status = {};
    EXPECT_EQ(::stat(segment().c_str(), &status), 0);
    return status.st_blocks;
  };
  const auto before = blocks();
  Puller p = puller();
  Pull pull = p.pull(surface.locator(), {.prefault = true});
  EXPECT_EQ(pull.complete().get().value().size(), 65'536U);
  EXPECT_EQ(blocks(), before);
}

TEST_F(MemoryRoute, AnotherRouteIsTakenWhereAFileCannotBeCopiedFromMemory) {
  const auto out = directory_.path() / "out.bin";
  Exposer e = exposer();
  const Surface surface = e.expose(Source::bytes(bytes_)).get().value();
  const int fd = ::open(segment().c_str(), O_RDWR | O_CLOEXEC);
  BlockedLoop blocked;
  Puller p = puller(blocked.loop());
  Pull pull = p.pull(surface.locator(), {.into = out});
  // Behind its opening, and before its first chunk: this alone tells the puller's memory from the exposer's.
  ASSERT_TRUE(blocked.loop()->post([&] {
    const std::vector<std::byte> zeros(bytes_.size());
    EXPECT_GT(::pwrite(fd, zeros.data(), zeros.size(), 4096), 0);
  }));
  blocked.release();
  const auto end = pull.complete().get();
  ::close(fd);
  // Packets come from the same memory, and do not verify either.
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::corrupted);
  EXPECT_NE(end.error().message().find("not taken: shm: a chunk failed verification"), std::string::npos)
      << end.error().message();
  EXPECT_GE(pull.stats().rejected_chunks, 8U);
}

TEST_F(MemoryRoute, AFileThatWasReplacedIsPulledByNobody) {
  const auto path = directory_.path() / "data.bin";
  std::ofstream(path) << std::string(100'000, 'a');
  Exposer e = exposer();
  const Surface surface = e.expose(Source::file(path)).get().value();
  Puller p = puller();
  Pull before = p.pull(surface.locator());
  EXPECT_EQ(before.complete().get().value().size(), 100'000U);
  EXPECT_EQ(before.transport(), "shm");
  std::filesystem::remove(path);
  std::ofstream(path) << std::string(100'000, 'b');
  Pull after = p.pull(surface.locator());
  EXPECT_EQ(after.complete().get().error().code, Errc::source_changed);
}

TEST_F(MemoryRoute, VerifyAlwaysHashesMemoryAndFindsWhatWasChanged) {
  Exposer e = exposer();
  const Surface surface = e.expose(Source::bytes(bytes_)).get().value();
  Puller p = puller();
  Pull plain = p.pull(surface.locator());
  ASSERT_TRUE(plain.complete().get());
  EXPECT_EQ(plain.stats().verified_bytes, 0U);
  Pull verified = p.pull(surface.locator(), {.verify = Verify::always});
  ASSERT_TRUE(verified.complete().get());
  EXPECT_EQ(verified.stats().verified_bytes, bytes_.size());
  EXPECT_EQ(verified.transport(), "shm");
  {
    std::fstream object(segment(), std::ios::in | std::ios::out | std::ios::binary);
    object.seekp(-1, std::ios::end);
    object.put('\x7f');
  }
  Pull changed = p.pull(surface.locator(), {.verify = Verify::always});
  EXPECT_EQ(changed.complete().get().error().code, Errc::corrupted);
}

TEST_F(MemoryRoute, NothingIsLeftWhenAllIsWithdrawn) {
  {
    Exposer e = exposer();
    const Surface one = e.expose(Source::bytes(bytes_)).get().value();
    const Surface two = e.expose(Source::bytes(bytes_)).get().value();
    auto writer = e.begin({.capacity = 1'000'000}).value();
    EXPECT_FALSE(std::filesystem::is_empty(directory_.path()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(MemoryRoute, TheTransportThatProvidesTheMemoryStandsFirst) {
  Exposer e = Exposer::open({.transports = {udp_transport(), memory()}}).value();
  const auto refused = e.expose(Source::bytes(bytes_)).get();
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace rgtp::test
