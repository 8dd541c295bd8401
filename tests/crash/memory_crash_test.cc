// Exposers and pullers, by memory and by packets, are killed with SIGKILL at random moments. Whoever is left
// ends with exact bytes or with a typed error, in time; views keep their bytes; and a clean-up leaves
// nothing.
//
// The children fork before this process has a thread: each test starts them all from one that never has one.
// So the process that pulls is a child too, and the test itself only kills, waits and looks.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <rgtp/host.h>
#include <rgtp/rgtp.h>

#include "support/files.h"
#include "support/forked_child.h"
#include "support/pattern.h"
#include "support/temporary_directory.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t chunk_bytes = 4096;
constexpr std::size_t surface_bytes = 300 * chunk_bytes + 77;
// From the kill to the end of each pull.
constexpr auto patience = 3s;

int kills() {
  const char* const text = std::getenv("RGTP_CRASH_KILLS");
  const int number = text != nullptr ? std::atoi(text) : 0;
  return number > 0 ? number : 20;
}

// Fast in a debug build too, so that moments are moments.
bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

class MemoryCrash : public testing::Test {
 protected:
  // A failure is run again with the seed that it names.
  void SetUp() override {
    const char* const text = std::getenv("RGTP_CRASH_SEED");
    seed_ = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
    random_.seed(seed_);
    RecordProperty("seed", std::to_string(seed_));
  }
  void TearDown() override {
    if (HasFailure()) std::printf("RGTP_CRASH_SEED=%llu\n", static_cast<unsigned long long>(seed_));
    const auto cleared = clear_host(directory_.path());
    ASSERT_TRUE(cleared) << cleared.error().message();
    EXPECT_TRUE(cleared->problems.empty());
    EXPECT_TRUE(names_in(directory_.path()).empty());
  }

  std::shared_ptr<Transport> shm() const { return shm_transport({.directory = directory_.path()}); }
  Exposer open_exposer() const { return Exposer::open({.transports = {shm(), udp_transport()}}).value(); }
  Puller open_puller() const { return Puller::open({.transports = {shm(), udp_transport()}}).value(); }
  void sleep_up_to(std::chrono::microseconds most) {
    ::usleep(static_cast<useconds_t>(random_() % static_cast<std::uint64_t>(most.count())));
  }

  const TemporaryDirectory directory_{"/dev/shm"};
  const std::vector<std::byte> bytes_ = pattern(surface_bytes);
  std::uint64_t seed_ = 0;
  std::mt19937_64 random_;
};

// Exposes the same surface for ever: written chunk by chunk, with small pauses, or at once.
enum class Kind { growing, whole };

void expose_until_killed(Exposer exposer, Kind kind, std::span<const std::byte> bytes,
                         const ForkedChild::Parent& parent) {
  if (kind == Kind::whole) {
    const auto surface = exposer.expose(Source::bytes(bytes), {.chunk_bytes = chunk_bytes}).get().value();
    parent.tell(surface.locator().reveal());
    parent.wait_to_be_killed();
  }
  auto writer =
      exposer.begin({.capacity = bytes.size() + 100'000, .expose = {.chunk_bytes = chunk_bytes}}).value();
  parent.tell(writer.locator().reveal());
  for (std::uint32_t chunk = 0; std::uint64_t{chunk} * chunk_bytes < bytes.size(); ++chunk) {
    const auto part = bytes.subspan(std::uint64_t{chunk} * chunk_bytes);
    const auto loan = writer.loan(ChunkIndex{chunk}).value();
    std::ranges::copy(part.first(std::min(part.size(), loan.size())), loan.begin());
    if (part.size() >= chunk_bytes && !writer.publish(ChunkIndex{chunk})) return;
    if (chunk % 16 == 0) ::usleep(1000);
  }
  const auto surface = std::move(writer).finish(bytes.size()).value();
  parent.wait_to_be_killed();
}

// Pulls what it is told of and says how that ended: "ok", the code's name, or what is wrong.
std::string pull_once(Puller& puller, const Locator& locator, std::span<const std::byte> bytes,
                      const PullOptions& options) {
  Pull pull = puller.pull(locator, options);
  std::vector<bool> seen(bytes.size() / chunk_bytes + 1);
  while (true) {
    const auto next = pull.next().get();
    if (!next) return std::string(to_string(next.error().code));
    if (!*next) break;
    const View& view = **next;
    if (view.offset() + view.size() > bytes.size()) return "a chunk behind the end";
    if (!same(view.bytes(), bytes.subspan(view.offset(), view.size()))) return "wrong bytes";
    seen[view.offset() / chunk_bytes] = true;
  }
  return std::ranges::find(seen, false) == seen.end() ? "ok" : "missing chunks";
}

// Each of the ways to pull in turn.
PullOptions way(int turn) {
  return {.order = turn % 2 == 0 ? Order::arrival : Order::content,
          .route = turn / 2 % 3 == 2 ? Route::only("udp") : Route::automatic(),
          .wait = turn / 2 % 3 == 1 ? Wait::block : Wait::loop};
}

bool is_typed_end(const std::string& end) {
  return end == "ok" || end == "exposer_gone" || end == "unknown_surface" || end == "aborted" ||
         end == "withdrawn" || end == "unreachable";
}

TEST_F(MemoryCrash, OfTheExposerEndsEachPullInTimeWithExactBytesOrATypedError) {
  int ended_well = 0;
  int ended_early = 0;
  for (int kill = 0; kill < kills(); ++kill) {
    const Kind kind = kill % 4 == 3 ? Kind::whole : Kind::growing;
    ForkedChild exposer([&](const ForkedChild::Parent& parent) {
      expose_until_killed(open_exposer(), kind, bytes_, parent);
    });
    const auto locator = exposer.read_line();
    ASSERT_TRUE(locator);
    const auto pull = [&](int turn, const ForkedChild::Parent& parent) {
      Puller puller = open_puller();
      parent.tell("open");
      parent.tell(pull_once(puller, Locator::parse(*locator).value(), bytes_, way(turn)));
    };
    ForkedChild one([&](const ForkedChild::Parent& parent) { pull(2 * kill, parent); });
    ForkedChild other([&](const ForkedChild::Parent& parent) { pull(2 * kill + 1, parent); });
    for (ForkedChild* const puller : {&one, &other}) ASSERT_TRUE(puller->read_line());
    sleep_up_to(40ms);
    exposer.kill();
    const auto killed = Clock::now();
    for (ForkedChild* const puller : {&one, &other}) {
      const auto end = puller->read_line(patience + 2s);
      ASSERT_TRUE(end) << "the pull did not end";
      EXPECT_LT(Clock::now() - killed, patience);
      EXPECT_TRUE(is_typed_end(*end)) << *end;
      ++(*end == "ok" ? ended_well : ended_early);
      EXPECT_EQ(puller->wait(), 0);
    }
  }
  RecordProperty("ended_well", ended_well);
  RecordProperty("ended_early", ended_early);
  // Else the moments were none.
  if (kills() >= 20) {
    EXPECT_GT(ended_early, 0);
  }
}

TEST_F(MemoryCrash, OfTheExposerLeavesItsViewsTheirBytes) {
  const int rounds = std::max(1, kills() / 4);
  for (int kill = 0; kill < rounds; ++kill) {
    ForkedChild exposer([&](const ForkedChild::Parent& parent) {
      expose_until_killed(open_exposer(), Kind::whole, bytes_, parent);
    });
    const auto locator = exposer.read_line();
    ASSERT_TRUE(locator);
    // Reads on and on, and says so once the exposer is gone.
    ForkedChild reader([&](const ForkedChild::Parent& parent) {
      Puller puller = open_puller();
      Pull pull = puller.pull(Locator::parse(*locator).value());
      const auto view = pull.complete().get();
      ASSERT_TRUE(view) << view.error().message();
      parent.tell("has it");
      bool right = true;
      const auto is_there = [&] { return list_host_surfaces(directory_.path()).value().size() > 0; };
      while (is_there()) right = right && same(view->bytes(), bytes_);
      for (int i = 0; i < 10; ++i) right = right && same(view->bytes(), bytes_);
      parent.tell(right ? "right" : "wrong");
      // A new pull finds nothing, at once.
      Pull late = puller.pull(Locator::parse(*locator).value());
      const auto code = late.complete().get();
      parent.tell(code ? "ok" : to_string(code.error().code));
    });
    ASSERT_EQ(reader.read_line(), "has it");
    sleep_up_to(10ms);
    exposer.kill();
    const auto cleared = clear_host(directory_.path());
    ASSERT_TRUE(cleared);
    EXPECT_EQ(cleared->segments, 1U);
    EXPECT_EQ(reader.read_line(), "right");
    const auto late = reader.read_line();
    EXPECT_TRUE(late == "unknown_surface" || late == "withdrawn" || late == "exposer_gone" ||
                late == "unreachable")
        << late.value_or("nothing");
    EXPECT_EQ(reader.wait(), 0);
  }
}

TEST_F(MemoryCrash, OfPullersDisturbsNobody) {
  ForkedChild growing([&](const ForkedChild::Parent& parent) {
    Exposer exposer = open_exposer();
    const auto surface = exposer.expose(Source::bytes(bytes_), {.chunk_bytes = chunk_bytes}).get().value();
    parent.tell(surface.locator().reveal());
    // Surfaces that are written all the time, so that the killed ones wait for chunks too.
    auto writer = exposer.begin({.size = bytes_.size(), .expose = {.chunk_bytes = chunk_bytes}}).value();
    parent.tell(writer.locator().reveal());
    for (std::uint32_t chunk = 0; chunk < writer.manifest().chunk_count(); ++chunk) {
      const auto loan = writer.loan(ChunkIndex{chunk}).value();
      fill_pattern(loan, std::uint64_t{chunk} * chunk_bytes);
      if (!writer.publish(ChunkIndex{chunk})) return;
      ::usleep(2000);
    }
    const auto finished = std::move(writer).finish().value();
    parent.wait_to_be_killed();
  });
  const auto whole_locator = growing.read_line();
  const auto growing_locator = growing.read_line();
  ASSERT_TRUE(whole_locator && growing_locator);
  const auto pulling = [&](const std::string& locator, const PullOptions& options = {}) {
    return std::make_unique<ForkedChild>([&](const ForkedChild::Parent& parent) {
      Puller puller = open_puller();
      parent.tell("open");
      parent.tell(pull_once(puller, Locator::parse(locator).value(), bytes_, options));
    });
  };
  const auto steady = pulling(*growing_locator);
  ASSERT_EQ(steady->read_line(), "open");
  for (int kill = 0; kill < kills(); ++kill) {
    const auto victim = pulling(kill % 2 == 0 ? *growing_locator : *whole_locator, way(kill / 2));
    ASSERT_EQ(victim->read_line(), "open");
    sleep_up_to(5ms);
    victim->kill();
  }
  EXPECT_EQ(steady->read_line(10s), "ok");
  for (const auto* locator : {&*whole_locator, &*growing_locator}) {
    const auto last = pulling(*locator);
    ASSERT_EQ(last->read_line(), "open");
    EXPECT_EQ(last->read_line(5s), "ok");
  }
  // What the exposer has is all still there, and nothing of the pullers'.
  EXPECT_EQ(clear_host(directory_.path()).value().segments, 0U);
  EXPECT_EQ(names_in(directory_.path()).size(), 3U);
  growing.kill();
}

TEST_F(MemoryCrash, WhileItExposesLeavesNothingHalfMade) {
  for (int kill = 0; kill < kills(); ++kill) {
    ForkedChild exposer([&](const ForkedChild::Parent& parent) {
      Exposer exposing = open_exposer();
      std::vector<Surface> surfaces;
      parent.tell("begun");
      while (true) {
        surfaces.push_back(
            exposing.expose(Source::bytes(bytes_), {.chunk_bytes = chunk_bytes}).get().value());
        if (surfaces.size() == 4) surfaces.erase(surfaces.begin());
      }
    });
    ASSERT_TRUE(exposer.read_line());
    sleep_up_to(20ms);
    exposer.kill();
    const auto left = list_host_surfaces(directory_.path()).value();
    for (const HostSurface& surface : left) {
      ASSERT_TRUE(surface.details) << surface.problem;
      EXPECT_EQ(surface.details->state, SurfaceState::finished);
      EXPECT_FALSE(surface.details->owner_alive);
    }
    const auto cleared = clear_host(directory_.path());
    ASSERT_TRUE(cleared);
    EXPECT_LE(cleared->segments, 4U);
    EXPECT_TRUE(names_in(directory_.path()).empty());
  }
}

}  // namespace
}  // namespace rgtp::test
