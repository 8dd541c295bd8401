// A forked child keeps nothing of its parent's handles alive.
#include <filesystem>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

#include "support/forked_child.h"
#include "support/pattern.h"
#include "support/temporary_directory.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

// What this process has open, by number and what it is.
std::set<std::string> open_descriptors() {
  std::set<std::string> open;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
    // libuv's own, by which a loop is woken: they hide nothing and hold nothing.
    if (target.starts_with("pipe:") || target.find("[eventfd]") != std::string::npos) continue;
    if (!gone) open.insert(entry.path().filename().string() + " " + target);
  }
  return open;
}

struct Handles {
  explicit Handles(const std::filesystem::path& directory) {
    const ShmOptions memory{.directory = directory};
    exposer.emplace(Exposer::open({.transports = {shm_transport(memory), udp_transport()}}).value());
    puller.emplace(Puller::open({.transports = {shm_transport(memory), udp_transport()}}).value());
    surface.emplace(exposer->expose(Source::bytes(pattern(100'000))).get().value());
    decided.emplace(exposer
                        ->expose(Source::bytes(pattern(1000)),
                                 {.access = Access::decide([](const Asker&) { return true; })})
                        .get()
                        .value());
    writer.emplace(exposer->begin({.size = 100'000}).value());
    kept.emplace(puller->pull(surface->locator()));
    EXPECT_TRUE(kept->complete().get());
    for (const auto* route : {"shm", "udp"}) {
      waiting.push_back(puller->pull(writer->locator(), {.route = Route::only(route)}));
      for (int i = 0; i < 500 && !waiting.back().manifest(); ++i) usleep(1000);
    }
  }

  std::optional<Exposer> exposer;
  std::optional<Puller> puller;
  std::optional<Surface> surface;
  std::optional<Surface> decided;
  std::optional<SurfaceWriter> writer;
  std::optional<Pull> kept;
  std::vector<Pull> waiting;
};

TEST(Fork, AChildHasNoDescriptorOfTheLibrarys) {
  const TemporaryDirectory directory("/dev/shm");
  const auto before = open_descriptors();
  Handles handles(directory.path());
  EXPECT_GT(open_descriptors().size(), before.size() + 5);
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    for (const std::string& descriptor : open_descriptors())
      if (!before.contains(descriptor) && descriptor.find("/proc/") == std::string::npos)
        parent.tell(descriptor);
    parent.tell("end");
  });
  EXPECT_EQ(child.read_line(), "end");
  EXPECT_EQ(child.wait(), 0);
}

TEST(Fork, AChildDoesNotHideItsParentsDeath) {
  const TemporaryDirectory directory("/dev/shm");
  // The parent of this test is a child of the test's: it has handles, forks, and is killed.
  ForkedChild exposing([&](const ForkedChild::Parent& parent) {
    Handles handles(directory.path());
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      while (getppid() != 1) usleep(10'000);
      sleep(3);
      _exit(0);
    }
    parent.tell(handles.writer->locator().reveal());
    parent.tell(std::to_string(grandchild));
    parent.wait_to_be_killed();
  });
  const auto locator = Locator::parse(exposing.read_line().value()).value();
  const pid_t grandchild = std::stoi(exposing.read_line().value());
  Puller puller =
      Puller::open({.transports = {shm_transport({.directory = directory.path()}), udp_transport()}}).value();
  Pull by_memory = puller.pull(locator, {.route = Route::only("shm")});
  Pull by_packets = puller.pull(locator, {.route = Route::only("udp")});
  for (Pull* pull : {&by_memory, &by_packets})
    EXPECT_TRUE(comes_true([&] { return pull->manifest().has_value(); }));
  exposing.kill();
  EXPECT_EQ(kill(grandchild, 0), 0);
  EXPECT_EQ(by_memory.complete().get().error().code, Errc::exposer_gone);
  EXPECT_EQ(by_packets.complete().get().error().code, Errc::exposer_gone);
  kill(grandchild, SIGKILL);
}

TEST(Fork, AChildMayOpenHandlesOfItsOwn) {
  const TemporaryDirectory directory("/dev/shm");
  Handles handles(directory.path());
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    {
      Handles own(directory.path());
      Pull pull = own.puller->pull(handles.surface->locator());  // the parent's, as anybody's
      parent.tell(pull.complete().get() ? "pulled" : "not pulled");
    }
    parent.tell("done");
  });
  EXPECT_EQ(child.read_line(), "pulled");
  EXPECT_EQ(child.read_line(), "done");
  EXPECT_EQ(child.wait(), 0);
  Pull still = handles.puller->pull(handles.surface->locator());
  EXPECT_TRUE(still.complete().get());
}

}  // namespace
}  // namespace rgtp::test
