// A producer whose generations follow one another, in memory that is used again, and its consumers.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

#include "support/files.h"
#include "support/forked_child.h"
#include "support/pattern.h"
#include "support/temporary_directory.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr std::size_t surface_bytes = 64 * chunk_bytes;
constexpr std::uint32_t pooled = 1;
// From one to the next, which is longer than a mapping is kept that nobody uses.
constexpr auto pace = 2s;

std::vector<std::byte> content(int generation) {
  return pattern(surface_bytes, static_cast<std::uint64_t>(generation));
}

// Bytes of memory that a directory's files take.
std::uint64_t bytes_in(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  for (const std::string& name : names_in(directory)) {
    struct stat status = {};
    if (::stat((directory / name).c_str(), &status) == 0)
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

struct Told {
  char locator[60];
  int generation;
  bool is_new;
};

class Recycling : public testing::Test {
 protected:
  std::shared_ptr<Transport> transport(std::uint32_t recycled) const {
    return shm_transport({.directory = directory_.path(), .recycled_segments = recycled});
  }
  // Pulls what it was told of last, again and again, checks every byte, and drops its views.
  ForkedChild repeating_puller(int told) const {
    return ForkedChild([this, told](const ForkedChild::Parent& parent) {
      Puller puller = Puller::open({.transports = {transport(0)}}).value();
      Told newest = {};
      while (true) {
        for (Told next; ::read(told, &next, sizeof next) == sizeof next;) newest = next;
        std::this_thread::sleep_for(10ms);
        if (newest.locator[0] == 0) continue;
        Pull pull = puller.pull(Locator::parse(newest.locator).value());
        const auto view = pull.complete().get();
        // It may be withdrawn by now.
        if (view && !std::ranges::equal(view->bytes(), content(newest.generation)))
          parent.tell("wrong bytes");
        if (view && std::exchange(newest.is_new, false)) parent.tell("pulled");
      }
    });
  }

  const TemporaryDirectory directory_{"/dev/shm"};
};

// RGTP_GENERATIONS=10 is the full campaign.
TEST_F(Recycling, GenerationsTakeNoMoreMemoryThanTwoSurfacesAndThePool) {
  const char* const asked = std::getenv("RGTP_GENERATIONS");
  const int generations = asked != nullptr ? std::atoi(asked) : 4;
  int tell[2];
  ASSERT_EQ(::pipe2(tell, O_CLOEXEC | O_NONBLOCK), 0);
  ForkedChild puller = repeating_puller(tell[0]);
  Exposer exposer = Exposer::open({.transports = {transport(pooled)}}).value();
  std::optional<Surface> surface;
  std::set<ino_t> objects;
  for (int generation = 0; generation < generations; ++generation) {
    const auto begun = std::chrono::steady_clock::now();
    SurfaceWriter writer =
        exposer.begin({.size = surface_bytes, .expose = {.chunk_bytes = chunk_bytes}}).value();
    const auto bytes = content(generation);
    for (std::uint32_t chunk = 0; chunk < surface_bytes / chunk_bytes; ++chunk) {
      const auto loan = writer.loan(ChunkIndex{chunk}).value();
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(chunk * chunk_bytes), chunk_bytes,
                  loan.begin());
      ASSERT_TRUE(writer.publish(ChunkIndex{chunk}));
    }
    surface = std::move(writer).finish().value();  // the one before is withdrawn
    Told told = {.locator = {}, .generation = generation, .is_new = true};
    surface->locator().reveal().copy(told.locator, sizeof told.locator - 1);
    ASSERT_EQ(::write(tell[1], &told, sizeof told), static_cast<ssize_t>(sizeof told));
    EXPECT_EQ(puller.read_line(), "pulled");
    for (const std::string& name : names_in(directory_.path())) {
      struct stat status = {};
      if (::stat((directory_ / name).c_str(), &status) == 0 && status.st_size > 0)
        objects.insert(status.st_ino);
    }
    std::this_thread::sleep_until(begun + pace);
    EXPECT_LE(bytes_in(directory_.path()), (2 + pooled) * (surface_bytes + 64 * 1024)) << generation;
  }
  EXPECT_EQ(puller.read_line(1ms), std::nullopt);
  // From the third on each is in memory of one before; once the puller may be late to let go of that.
  EXPECT_LE(objects.size(), 3U);
  puller.kill();
  ::close(tell[0]);
  ::close(tell[1]);
}

}  // namespace
}  // namespace rgtp::test
