// What sealed and rooted surfaces promise beyond moving the bytes, which the conformance suite sees to.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

#include "core/merkle.h"
#include "core/surface_keys.h"
#include "shm/segment_layout.h"
#include "support/files.h"
#include "support/pattern.h"
#include "support/temporary_directory.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

class Sealed : public testing::Test {
 protected:
  static constexpr std::uint32_t chunk_bytes = 4096;

  std::vector<std::shared_ptr<Transport>> transports(ShmOptions options = {}) const {
    options.directory = directory_.path();
    return {shm_transport(std::move(options)), udp_transport()};
  }
  ExposeOptions sealed() const { return {.chunk_bytes = chunk_bytes, .protection = Protection::sealed}; }
  ExposeOptions rooted() const { return {.chunk_bytes = chunk_bytes, .rooted = true}; }
  Surface expose(ExposeOptions options) {
    return exposer_.expose(Source::bytes(bytes_), std::move(options)).get().value();
  }
  Result<View> pull(const Locator& locator, PullOptions options = {}) {
    Pull pull = puller_.pull(locator, std::move(options));
    return pull.complete().get();
  }
  std::filesystem::path segment_of(const Manifest& manifest) const {
    return directory_ / shm::segment_name(manifest.id);
  }
  // Where the segment holds these bytes.
  std::ptrdiff_t find_in_segment(const Manifest& manifest, std::span<const std::byte> needle) const {
    const auto object = read_file(segment_of(manifest));
    const auto found = std::search(object.begin(), object.end(), needle.begin(), needle.end());
    return found == object.end() ? -1 : found - object.begin();
  }
  // As the same user's programs can: writes over the segment's bytes.
  void write_to_segment(const Manifest& manifest, std::uint64_t offset,
                        std::span<const std::byte> bytes) const {
    const int file = ::open(segment_of(manifest).c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(file, 0);
    EXPECT_EQ(::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
    ::close(file);
  }
  std::uint64_t data_offset(const Manifest& manifest) const {
    return std::filesystem::file_size(segment_of(manifest)) - bytes_.size();
  }

  const TemporaryDirectory directory_{"/dev/shm"};
  const std::vector<std::byte> bytes_ = pattern(20 * chunk_bytes + 5);
  Exposer exposer_ = Exposer::open({.transports = transports()}).value();
  Puller puller_ = Puller::open({.transports = transports()}).value();
};

TEST_F(Sealed, TheSegmentHoldsNoPlaintextAndNoKey) {
  const Surface surface = expose(sealed());
  for (std::size_t chunk = 0; chunk < 20; ++chunk)
    EXPECT_EQ(find_in_segment(surface.manifest(), std::span(bytes_).subspan(chunk * chunk_bytes, 32)), -1);
  EXPECT_EQ(find_in_segment(surface.manifest(), surface.locator().key()->bytes()), -1);
}

TEST_F(Sealed, TheLocatorCarriesTheKeyAndShowsItToNobodyElse) {
  const Surface one = expose(sealed());
  const Surface two = expose(sealed());
  ASSERT_TRUE(one.locator().key() && two.locator().key());
  EXPECT_FALSE(*one.locator().key() == *two.locator().key());
  EXPECT_NE(one.locator().reveal().find("#k="), std::string::npos);
  EXPECT_TRUE(one.locator().to_string().ends_with("#k=..."));
  EXPECT_EQ(Locator::parse(one.locator().reveal()).value(), one.locator());
}

TEST_F(Sealed, AWrongKeyOrNoneIsToldAtOnceByEveryRoute) {
  const Surface surface = expose(sealed());
  const Surface open = expose({.chunk_bytes = chunk_bytes});
  const auto begun = std::chrono::steady_clock::now();
  for (const char* route : {"shm", "udp"}) {
    const PullOptions by{.route = Route::only(route)};
    EXPECT_EQ(pull(surface.locator().with({}, {}), by).error().code, Errc::wrong_key) << route;
    EXPECT_EQ(pull(surface.locator().with(Key::random(), {}), by).error().code, Errc::wrong_key) << route;
    // Who answers in its place cannot take the sealing away.
    EXPECT_EQ(pull(open.locator().with(Key::random(), {}), by).error().code, Errc::wrong_key) << route;
    EXPECT_TRUE(pull(surface.locator(), by)) << route;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
}

TEST_F(Sealed, BytesThatSomebodyChangedInMemoryAreNotHandedOut) {
  const Surface surface = expose(sealed());
  const auto changed = pattern(1, 77);
  write_to_segment(surface.manifest(), data_offset(surface.manifest()) + 7 * chunk_bytes + 100, changed);
  const auto view = pull(surface.locator(), {.route = Route::only("shm")});
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, Errc::corrupted);
  // What is verified for itself still comes.
  const auto other = pull(surface.locator(), {.range = {0, 7 * chunk_bytes}, .route = Route::only("shm")});
  ASSERT_TRUE(other) << other.error().message();
  EXPECT_TRUE(std::ranges::equal(other->bytes(), std::span(bytes_).first(7 * chunk_bytes)));
}

TEST_F(Sealed, APullIsNotChangedByWhoeverOwnsTheMemoryAfterwards) {
  for (const ExposeOptions& options : {sealed(), rooted()}) {
    const Surface surface = expose(options);
    const auto view = pull(surface.locator(), {.route = Route::only("shm")}).value();
    write_to_segment(surface.manifest(), data_offset(surface.manifest()), pattern(bytes_.size(), 99));
    EXPECT_TRUE(std::ranges::equal(view.bytes(), bytes_));
  }
}

// Who has the key can seal other bytes for a chunk, and only a root tells.
TEST_F(Sealed, AHolderOfTheKeyForgesNothingUnderARoot) {
  for (const bool has_root : {false, true}) {
    ExposeOptions options = sealed();
    options.rooted = has_root;
    const Surface surface = expose(options);
    const Manifest& manifest = surface.manifest();
    core::ChunkCipher cipher(manifest.suite, core::SurfaceKeys(*surface.locator().key(), manifest));
    auto forged = pattern(chunk_bytes, 1234);
    const auto expected = forged;
    const core::Tag tag = cipher.seal(ChunkIndex{3}, forged, chunk_bytes, forged);
    write_to_segment(surface.manifest(), data_offset(surface.manifest()) + 3 * chunk_bytes, forged);
    constexpr std::uint64_t trailers = 832;  // behind a bitmap of one word (SEGMENT.md)
    write_to_segment(surface.manifest(), trailers + 3 * manifest.trailer_bytes, tag);
    const auto view = pull(surface.locator(), {.route = Route::only("shm")});
    ASSERT_EQ(view.has_value(), !has_root);
    if (view)
      EXPECT_TRUE(std::ranges::equal(view->bytes().subspan(3 * chunk_bytes, chunk_bytes), expected));
    else
      EXPECT_EQ(view.error().code, Errc::corrupted);
  }
}

TEST_F(Sealed, AnotherRootIsCorruptedAndGrowingSurfacesHaveNone) {
  const Surface surface = expose(rooted());
  ASSERT_TRUE(surface.locator().root());
  Locator::Root wrong = *surface.locator().root();
  wrong[0] ^= std::byte{1};
  for (const char* route : {"shm", "udp"})
    EXPECT_EQ(pull(surface.locator().with({}, wrong), {.route = Route::only(route)}).error().code,
              Errc::corrupted);
  const Surface unrooted = expose({.chunk_bytes = chunk_bytes});
  EXPECT_EQ(pull(unrooted.locator().with({}, wrong)).error().code, Errc::corrupted);
  for (const WriterOptions& options :
       {WriterOptions{.size = 10, .expose = rooted()}, WriterOptions{.capacity = 10, .expose = rooted()}}) {
    const auto writer = exposer_.begin(options);
    ASSERT_FALSE(writer);
    EXPECT_EQ(writer.error().code, Errc::invalid_argument);
  }
}

TEST_F(Sealed, ARootOverMemoryThatNobodyCanChangeNeedsNoCopy) {
  ExposeOptions options = rooted();
  options.access = Access::decide([](const Asker&) { return true; });
  const Surface surface = expose(options);
  Pull pull = puller_.pull(surface.locator());
  const auto view = pull.complete().get();
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_EQ(pull.transport(), "shm");
  EXPECT_EQ(pull.stats().verified_bytes, bytes_.size());
  // Mapped from the memfd, and not this process's own.
  const auto address = reinterpret_cast<std::uintptr_t>(view->bytes().data());
  bool is_shared = false;
  std::ifstream lines("/proc/self/maps");
  for (std::string line; std::getline(lines, line);) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    std::sscanf(line.c_str(), "%lx-%lx", &from, &to);
    if (address >= from && address < to) is_shared = line.find("memfd:rgtp") != std::string::npos;
  }
  EXPECT_TRUE(is_shared);
}

TEST_F(Sealed, MemoryThatNobodyCanChangeIsDecryptedWhereItStands) {
  for (const bool is_rooted : {false, true}) {
    ExposeOptions options = sealed();
    options.rooted = is_rooted;
    options.access = Access::decide([](const Asker&) { return true; });
    const Surface surface = expose(options);
    const auto whole_view = pull(surface.locator(), {.route = Route::only("shm")});
    ASSERT_TRUE(whole_view) << whole_view.error().message();
    EXPECT_TRUE(std::ranges::equal(whole_view->bytes(), bytes_));
    Pull pull =
        puller_.pull(surface.locator(), {.range = {100, whole}, .order = Order::content, .window_bytes = 1});
    std::vector<std::byte> content;
    for (auto chunk = pull.next().get(); chunk && *chunk; chunk = pull.next().get())
      content.insert(content.end(), (*chunk)->bytes().begin(), (*chunk)->bytes().end());
    EXPECT_EQ(pull.transport(), "shm");
    EXPECT_TRUE(std::ranges::equal(content, std::span(bytes_).subspan(100)));
    // Its one mapping is everybody's, and still ciphertext.
    EXPECT_TRUE(std::ranges::equal(this->pull(surface.locator()).value().bytes(), bytes_));
  }
}

TEST_F(Sealed, AnAccessDoesNotTakePacketsAway) {
  ExposeOptions options = sealed();
  options.access = Access::owner();
  const Surface surface = expose(options);
  EXPECT_TRUE(pull(surface.locator(), {.route = Route::only("udp")}));
  ExposeOptions open{.chunk_bytes = chunk_bytes, .access = Access::owner()};
  EXPECT_EQ(pull(expose(open).locator(), {.route = Route::only("udp")}).error().code, Errc::no_route);
}

TEST_F(Sealed, WhatASurfaceThatGrowsHoldsIsCiphertextFromTheFirstByte) {
  SurfaceWriter writer = exposer_.begin({.capacity = 64 * chunk_bytes, .expose = sealed()}).value();
  const auto loan = writer.loan(ChunkIndex{0}).value();
  std::ranges::copy(std::span(bytes_).first(chunk_bytes), loan.begin());
  EXPECT_EQ(find_in_segment(writer.manifest(), std::span(bytes_).first(32)), -1) << "while it is loaned";
  ASSERT_TRUE(writer.publish(ChunkIndex{0}));
  EXPECT_EQ(find_in_segment(writer.manifest(), std::span(bytes_).first(32)), -1);
}

// Somebody who can write to the memory cuts the surface short: its end is not his to say.
TEST_F(Sealed, TheEndOfASurfaceThatGrewIsItsExposers) {
  SurfaceWriter writer = exposer_.begin({.capacity = 64 * chunk_bytes, .expose = sealed()}).value();
  for (std::uint32_t i = 0; i < 4; ++i) {
    (void)writer.loan(ChunkIndex{i}).value();
    ASSERT_TRUE(writer.publish(ChunkIndex{i}));
  }
  const Surface surface = std::move(writer).finish(4 * chunk_bytes).value();
  ASSERT_TRUE(pull(surface.locator(), {.route = Route::only("shm")}));
  const std::uint64_t shorter = 2 * chunk_bytes;
  const std::uint32_t fewer = 2;
  write_to_segment(surface.manifest(), 704, std::as_bytes(std::span(&shorter, 1)));
  write_to_segment(surface.manifest(), 640, std::as_bytes(std::span(&fewer, 1)));
  const auto view = pull(surface.locator(), {.route = Route::only("shm")});
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, Errc::corrupted);
  // By packets it comes from the exposer's own books.
  EXPECT_EQ(pull(surface.locator(), {.route = Route::only("udp")}).value().size(), 4 * chunk_bytes);
}

TEST_F(Sealed, WhatMemoryHasNoRoomForIsKeptInAFileWithoutAName) {
  const TemporaryDirectory spill;
  const std::uint64_t trailers = 21 * Manifest::tag_bytes;
  const std::uint64_t room = bytes_.size() + trailers;
  Exposer small =
      Exposer::open(
          {.transports = transports(), .max_memory = room + trailers, .spill_directory = spill.path()})
          .value();
  std::optional<Surface> first = small.expose(Source::bytes(bytes_), sealed()).get().value();
  const auto second = small.expose(Source::bytes(bytes_), sealed()).get();
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_TRUE(std::filesystem::is_empty(spill.path()));
  for (const PullOptions& options : {PullOptions{}, PullOptions{.route = Route::only("udp")}}) {
    const auto view = pull(second->locator(), options);
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_TRUE(std::ranges::equal(view->bytes(), bytes_));
  }
  EXPECT_EQ(pull(second->locator(), {.route = Route::only("shm")}).error().code, Errc::unknown_surface);
  // What is not sealed would stand there for everybody to read who finds the disk.
  EXPECT_EQ(small.expose(Source::bytes(bytes_), {}).get().error().code, Errc::no_space);
  ExposeOptions memory_alone = sealed();
  memory_alone.route = Route::only("shm");
  EXPECT_EQ(small.expose(Source::bytes(bytes_), memory_alone).get().error().code, Errc::no_space);
  // Not even the trailers of another.
  EXPECT_EQ(small.expose(Source::bytes(bytes_), sealed()).get().error().code, Errc::no_space);
  // Given back with the surface.
  first.reset();
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  while (!small.expose(Source::bytes(bytes_), {}).get() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(1ms);
  EXPECT_LT(std::chrono::steady_clock::now(), deadline);
}

TEST_F(Sealed, AWriterKeepsToTheMemoryThatItsExposerMayTake) {
  const std::uint64_t trailers = 64 * Manifest::tag_bytes;
  Exposer small =
      Exposer::open({.transports = transports(), .max_memory = 3 * chunk_bytes + trailers}).value();
  SurfaceWriter writer =
      small.begin({.capacity = 64 * chunk_bytes, .expose = {.chunk_bytes = chunk_bytes}}).value();
  for (std::uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(writer.loan(ChunkIndex{i}));
    ASSERT_TRUE(writer.loan(ChunkIndex{i})) << "the same again takes nothing";
  }
  EXPECT_EQ(writer.loan(ChunkIndex{3}).error().code, Errc::no_space);
  EXPECT_EQ(small.begin({.size = 1, .expose = {.chunk_bytes = chunk_bytes}}).error().code, Errc::no_space);
  EXPECT_EQ(small.begin({.capacity = 1, .expose = {.chunk_bytes = chunk_bytes}}).error().code,
            Errc::no_space);
}

// Until they are sealed, chunks stand in memory beside their place.
TEST_F(Sealed, ASealedWritersLoansCountUntilTheyArePublished) {
  const std::uint64_t trailers = 64 * Manifest::tag_bytes;
  Exposer small =
      Exposer::open({.transports = transports(), .max_memory = 3 * chunk_bytes + trailers}).value();
  SurfaceWriter writer = small.begin({.capacity = 64 * chunk_bytes, .expose = sealed()}).value();
  for (std::uint32_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(writer.loan(ChunkIndex{i})) << i;
    ASSERT_TRUE(writer.loan(ChunkIndex{i})) << "the same again takes nothing";
    EXPECT_EQ(writer.loan(ChunkIndex{i + 1}).error().code, Errc::no_space);
    ASSERT_TRUE(writer.publish(ChunkIndex{i}));
  }
  EXPECT_EQ(writer.loan(ChunkIndex{2}).error().code, Errc::no_space);
}

// What is there of it may be right again by then.
TEST_F(Sealed, AnErrorInTheMiddleOfAPullIsItsEnd) {
  const Surface surface = expose(sealed());
  Pull pull = puller_.pull(surface.locator(), {.order = Order::content, .route = Route::only("shm")});
  ASSERT_TRUE(pull.next().get().value());
  const std::uint64_t second = data_offset(surface.manifest()) + chunk_bytes;
  const auto stored = read_file(segment_of(surface.manifest()));
  const auto right = std::span(stored).subspan(second, chunk_bytes);
  write_to_segment(surface.manifest(), second, pattern(chunk_bytes, 77));
  EXPECT_EQ(pull.next().get().error().code, Errc::corrupted);
  write_to_segment(surface.manifest(), second, right);
  const auto again = pull.next().get();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::corrupted);
}

TEST_F(Sealed, OptionsThatDoNotGoTogetherAreRefused) {
  const auto refused = [&](const ExposeOptions& options) {
    const auto surface = exposer_.expose(Source::bytes(bytes_), options).get();
    return !surface && surface.error().code == Errc::invalid_argument;
  };
  EXPECT_TRUE(refused({.suite = CipherSuite::aes_256_gcm}));
  EXPECT_TRUE(refused({.local_name = "a", .key_in_local_name = true}));
}

TEST_F(Sealed, AnEmptySurfaceIsSealedAndRootedToo) {
  ExposeOptions options = sealed();
  options.rooted = true;
  const Surface surface = exposer_.expose(Source::bytes(std::vector<std::byte>{}), options).get().value();
  for (const char* route : {"shm", "udp"}) {
    const auto view = pull(surface.locator(), {.route = Route::only(route)});
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_EQ(view->size(), 0U);
    EXPECT_EQ(
        pull(surface.locator().with(surface.locator().key(), Locator::Root{}), {.route = Route::only(route)})
            .error()
            .code,
        Errc::corrupted);
  }
}

// What is read chunk by chunk is read by calls for as long as that lasts.
TEST_F(Sealed, ARootedFileThatIsCutShortBetweenTwoChunksIsAnErrorAndNoSignal) {
  const TemporaryDirectory files;
  write_file(files / "file", bytes_);
  const Surface surface = exposer_.expose(Source::file(files / "file"), rooted()).get().value();
  Pull pull = puller_.pull(surface.locator(), {.order = Order::content, .route = Route::only("shm")});
  ASSERT_TRUE(pull.next().get().value());
  std::filesystem::resize_file(files / "file", chunk_bytes);
  const auto next = pull.next().get();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, Errc::source_changed);
}

}  // namespace
}  // namespace rgtp::test
