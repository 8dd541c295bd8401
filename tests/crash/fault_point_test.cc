// A process is killed at each step between two of its changes to what others see, one step after the other:
// making a segment, publishing, finishing, withdrawing, leaving, taking a name, sweeping. Whoever is left
// sees no wrong byte, waits for no longer than is promised, and a clean-up leaves nothing that has no owner.
// At each step of one surface's memory becoming another's somebody opens it.
//
// The sources with those steps are compiled into this program once more, with RGTP_FAULT_POINTS.
#include "core/fault_point.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rgtp/host.h>
#include <rgtp/rgtp.h>

#include "shm/opened_segment.h"
#include "shm/segment_pool.h"
#include "support/files.h"
#include "support/forked_child.h"
#include "support/pattern.h"

namespace rgtp {

namespace {

// Of this process: steps that are still to pass, and what the one that ends it is called.
std::atomic<int> steps_left{-1};
std::atomic<const test::ForkedChild::Parent*> told{nullptr};
// What else is done at steps.
std::function<void(std::string_view)> at_step;

}  // namespace

namespace core {

void fault_point(const char* name) {
  if (at_step) at_step(name);
  if (steps_left.load() < 0 || steps_left.fetch_sub(1) != 0) return;
  told.load()->tell(std::string("killed at ") + name);
  ::kill(::getpid(), SIGKILL);
}

}  // namespace core

namespace test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t chunk_bytes = 4096;
// Of what is promised, twice: a second for the owner's death, and a machine that is busy.
constexpr auto patience = 3s;
constexpr int most_steps = 500;

class FaultPoints : public testing::Test {
 protected:
  // A /dev/shm of its own, where nobody else leaves anything and names are free.
  void SetUp() override {
    static const bool has_own = ::unshare(CLONE_NEWNS) == 0 &&
                                ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                                ::mount("none", "/dev/shm", "tmpfs", 0, "size=64m,mode=1777") == 0;
    if (!has_own) GTEST_SKIP() << "this user may not mount a file system";
  }

  static std::shared_ptr<Transport> shm() { return shm_transport(); }
  static Exposer open_exposer() { return Exposer::open({.transports = {shm()}}).value(); }
  static std::vector<std::string> left() { return names_in("/dev/shm"); }

  std::span<const std::byte> part(std::uint32_t chunk) const {
    const auto rest = std::span(bytes_).subspan(std::size_t{chunk} * chunk_bytes);
    return rest.first(std::min<std::size_t>(rest.size(), chunk_bytes));
  }

  // What an exposer does in its life, by each of the ways to end.
  void live(const ForkedChild::Parent& parent) const {
    Exposer exposer = open_exposer();
    std::optional<SurfaceWriter> writer =
        exposer
            .begin(
                {.capacity = 20 * chunk_bytes, .expose = {.chunk_bytes = chunk_bytes, .local_name = "grows"}})
            .value();
    parent.tell(writer->locator().reveal());
    ::usleep(20'000);
    for (std::uint32_t chunk = 0; chunk < 4; ++chunk) {
      const auto loan = writer->loan(ChunkIndex{chunk}).value();
      std::ranges::copy(part(chunk), loan.begin());
      if (chunk < 3) (void)writer->publish(ChunkIndex{chunk});
      ::usleep(1000);
    }
    std::optional<Surface> grown = std::move(*writer).finish(bytes_.size()).value();
    std::optional<Surface> whole =
        exposer.expose(Source::bytes(bytes_), {.chunk_bytes = chunk_bytes, .local_name = "grows"})
            .get()
            .value();
    grown.reset();
    whole.reset();
    writer.emplace(exposer.begin({.size = bytes_.size(), .expose = {.chunk_bytes = chunk_bytes}}).value());
    writer.reset();
    // One that is asked for.
    (void)exposer
        .expose(Source::bytes(bytes_),
                {.chunk_bytes = chunk_bytes, .access = Access::decide([](const Asker&) { return true; })})
        .get()
        .value();
    // One whose memory is the next one's.
    Exposer recycling = Exposer::open({.transports = {shm_transport({.recycled_segments = 1})}}).value();
    for (int generation = 0; generation < 2; ++generation)
      (void)recycling.expose(Source::bytes(bytes_), {.chunk_bytes = chunk_bytes}).get().value();
  }

  // "ok", the code's name behind how many bytes came before, or what is wrong.
  std::string pull(const std::string& locator, Wait wait) const {
    Puller puller = Puller::open({.transports = {shm()}}).value();
    Pull pull = puller.pull(Locator::parse(locator).value(), {.order = Order::content, .wait = wait});
    std::size_t got = 0;
    while (true) {
      const auto next = pull.next().get();
      if (!next)
        return (got > 0 ? std::to_string(got) + " " : "") + std::string(to_string(next.error().code));
      if (!*next) break;
      const auto bytes = (*next)->bytes();
      if (got + bytes.size() > bytes_.size() ||
          std::memcmp(bytes.data(), bytes_.data() + got, bytes.size()) != 0)
        return "wrong bytes";
      got += bytes.size();
    }
    return got == bytes_.size() ? "ok" : "missing bytes";
  }
  // The same in another process, since one that has threads cannot be forked any more.
  std::string pull_elsewhere(const std::string& locator) const {
    ForkedChild puller([&](const ForkedChild::Parent& parent) { parent.tell(pull(locator, Wait::loop)); });
    const auto end = puller.read_line();
    EXPECT_EQ(puller.wait(), 0);
    return end.value_or("no end");
  }
  static bool is_typed_end(std::string_view end) {
    end.remove_prefix(std::min(end.find_last_of(' ') + 1, end.size()));
    return end == "ok" || end == "exposer_gone" || end == "unknown_surface" || end == "aborted" ||
           end == "withdrawn";
  }

  // Runs `body` in a process that is killed at each of its steps in turn, until it gets through. `meanwhile`
  // is given every line that it tells before, `afterwards` what the step is called.
  void at_each_step(const std::function<void(const ForkedChild::Parent&)>& body,
                    const std::function<void(const std::string&)>& meanwhile,
                    const std::function<void(const std::string&)>& afterwards, int least_steps) {
    for (int step = 0; step < most_steps; ++step) {
      ForkedChild child([&](const ForkedChild::Parent& parent) {
        told = &parent;
        steps_left = step;
        body(parent);
        steps_left = -1;
      });
      std::string killed_at;
      while (const auto line = child.read_line()) {
        if (line->starts_with("killed at "))
          killed_at = *line + ", step " + std::to_string(step);
        else
          meanwhile(*line);
      }
      const int ended = child.wait();
      SCOPED_TRACE(killed_at);
      ASSERT_EQ(ended, killed_at.empty() ? 0 : -SIGKILL);
      afterwards(killed_at);
      if (killed_at.empty()) {
        EXPECT_GE(step, least_steps);
        return;
      }
    }
    FAIL() << "it has more steps than " << most_steps;
  }

  const std::vector<std::byte> bytes_ = pattern(3 * chunk_bytes + 100);
};

TEST_F(FaultPoints, AnExposerKilledAtAnyStepMisleadsNobodyAndLeavesNothing) {
  std::vector<std::unique_ptr<ForkedChild>> pullers;
  at_each_step([&](const ForkedChild::Parent& parent) { live(parent); },
               [&](const std::string& locator) {
                 for (const Wait wait : {Wait::loop, Wait::block})
                   pullers.push_back(std::make_unique<ForkedChild>(
                       [this, locator, wait](const ForkedChild::Parent& parent) {
                         parent.tell(pull(locator, wait));
                       }));
               },
               [&](const std::string& /*step*/) {
                 const auto killed = Clock::now();
                 std::set<std::string> ends_behind_some;
                 for (const auto& puller : pullers) {
                   const auto end = puller->read_line(patience + 2s);
                   ASSERT_TRUE(end) << "a pull did not end";
                   EXPECT_LT(Clock::now() - killed, patience);
                   EXPECT_TRUE(is_typed_end(*end)) << *end;
                   if (end->find(' ') != end->npos) ends_behind_some.insert(*end);
                   EXPECT_EQ(puller->wait(), 0);
                 }
                 pullers.clear();
                 // What a dead one published reaches whoever was there before, however that one waits.
                 EXPECT_LE(ends_behind_some.size(), 1U) << *ends_behind_some.begin();
                 const auto cleared = clear_host();
                 ASSERT_TRUE(cleared) << cleared.error().message();
                 EXPECT_TRUE(cleared->problems.empty()) << cleared->problems.front();
                 EXPECT_TRUE(left().empty()) << left().front();
               },
               60);
}

TEST_F(FaultPoints, ASurfaceThatIsToStayDoesSinceItIsOfferedWhereverItsExposerIsKilled) {
  bool offered = false;
  bool left_to_stay = false;
  at_each_step(
      [&](const ForkedChild::Parent& parent) {
        Exposer exposer = open_exposer();
        auto surface =
            exposer.expose(Source::bytes(bytes_), {.persistent = true, .local_name = "stays"}).get().value();
        parent.tell("offered");
        if (std::move(surface).leave()) parent.tell("left");
      },
      [&](const std::string& line) { (line == "offered" ? offered : left_to_stay) = true; },
      [&](const std::string& step) {
        EXPECT_TRUE(left_to_stay || !step.empty());
        ASSERT_TRUE(clear_host());
        const std::string end = pull_elsewhere("rgtp://local/stays");
        EXPECT_TRUE(end == "ok" || (!std::exchange(offered, false) && end == "unknown_surface")) << end;
        const auto cleared = clear_host("/dev/shm", {.persistent = true});
        ASSERT_TRUE(cleared) << cleared.error().message();
        EXPECT_TRUE(cleared->problems.empty()) << cleared->problems.front();
        EXPECT_TRUE(left().empty()) << left().front();
      },
      15);
}

TEST_F(FaultPoints, ASweepKilledAtAnyStepHarmsNothingAliveAndTheNextOneFinishesIt) {
  ForkedChild alive([&](const ForkedChild::Parent& parent) {
    Exposer exposer = open_exposer();
    const auto surface =
        exposer.expose(Source::bytes(bytes_), {.chunk_bytes = chunk_bytes, .local_name = "alive"})
            .get()
            .value();
    parent.tell("exposed");
    parent.wait_to_be_killed();
  });
  ASSERT_TRUE(alive.read_line());
  const auto kept = left();
  const ClearOptions everything = {.persistent = true};
  at_each_step(
      [&](const ForkedChild::Parent& parent) {
        // What a dead one leaves, as a child of this one.
        ForkedChild dead([&](const ForkedChild::Parent& its_parent) {
          steps_left = -1;
          Exposer exposer = open_exposer();
          std::vector<Surface> surfaces;
          for (const char* const name : {"one", "two"})
            surfaces.push_back(
                exposer.expose(Source::bytes(bytes_), {.persistent = *name == 't', .local_name = name})
                    .get()
                    .value());
          its_parent.tell("exposed");
          its_parent.wait_to_be_killed();
        });
        if (!dead.read_line()) return;
        dead.kill();
        parent.tell("left");
        (void)clear_host("/dev/shm", everything);
      },
      [](const std::string& /*line*/) {},
      [&](const std::string& /*step*/) {
        const auto cleared = clear_host("/dev/shm", everything);
        ASSERT_TRUE(cleared) << cleared.error().message();
        EXPECT_TRUE(cleared->problems.empty()) << cleared->problems.front();
        EXPECT_EQ(left(), kept);
        EXPECT_EQ(names_in("/dev/shm/rgtp-" + std::to_string(::geteuid())),
                  (std::vector<std::string>{".lock", "alive"}));
        EXPECT_EQ(pull_elsewhere("rgtp://local/alive"), "ok");
      },
      6);
  alive.kill();
  EXPECT_TRUE(clear_host());
  EXPECT_TRUE(left().empty());
}

// Between two of an exposer's steps, as another user. Its own user may open the next surface as well as this.
class OneWhoOpens {
 public:
  explicit OneWhoOpens(uid_t user) : user_(user) {}
  ~OneWhoOpens() {
    for (const auto& [bytes, id] : mapped_) ::munmap(const_cast<std::byte*>(bytes.data()), bytes.size());
  }

  // Every object that is there, and keeps it mapped.
  void open_all() {
    const auto names = names_in("/dev/shm");
    ::setfsuid(user_);  // this thread alone
    for (const std::string& name : names) {
      const shm::Descriptor object(
          ::open(("/dev/shm/" + name).c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
      struct stat status = {};
      if (!object || ::fstat(object.get(), &status) != 0 || status.st_size == 0) continue;
      const auto size = static_cast<std::size_t>(status.st_size);
      void* const place = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, object.get(), 0);
      if (place == MAP_FAILED) continue;
      const auto found = shm::SegmentObject::open("/dev/shm/" + name);
      mapped_.emplace_back(std::span(static_cast<const std::byte*>(place), size),
                           found && found->header ? found->header->manifest.id : SurfaceId{});
    }
    ::setfsuid(0);
  }
  // How many of its mappings are other than they were: of another surface than the one that it opened, if
  // any.
  std::size_t count_changed(const SurfaceId& now, std::span<const std::byte> content) const {
    return static_cast<std::size_t>(std::ranges::count_if(mapped_, [&](const auto& mapped) {
      return mapped.second != now && std::search(mapped.first.begin(), mapped.first.end(), content.begin(),
                                                 content.end()) != mapped.first.end();
    }));
  }
  std::size_t size() const { return mapped_.size(); }

 private:
  const uid_t user_;
  std::vector<std::pair<std::span<const std::byte>, SurfaceId>> mapped_;
};

TEST_F(FaultPoints, WhoeverOpensMemoryAtAnyStepOfItsReuseSeesNothingOfTheNextSurface) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can open files as another user";
  constexpr uid_t user = 12'345;
  const ExposeOptions options = {.chunk_bytes = chunk_bytes, .access = Access::users({user})};
  const std::vector<std::byte> next_bytes = pattern(bytes_.size(), 99);
  std::size_t opened = 0;
  std::size_t reused = 0;
  int step = 0;
  for (bool done = false; !done && step < most_steps; ++step) {
    Exposer exposer = Exposer::open({.transports = {shm_transport({.recycled_segments = 1})}}).value();
    OneWhoOpens reader(user);
    std::optional<Surface> surface = exposer.expose(Source::bytes(bytes_), options).get().value();
    const auto inode_of = [](const SurfaceId& id) {
      struct stat status = {};
      EXPECT_EQ(::stat(("/dev/shm/" + shm::segment_name(id)).c_str(), &status), 0);
      return status.st_ino;
    };
    const ino_t inode = inode_of(surface->manifest().id);
    std::atomic<int> left_over = step;
    at_step = [&](std::string_view) {
      if (left_over.fetch_sub(1) == 0) reader.open_all();
    };
    surface.reset();
    surface = exposer.expose(Source::bytes(next_bytes), options).get().value();
    at_step = nullptr;
    done = left_over >= 0;
    reused += inode_of(surface->manifest().id) == inode;
    opened += reader.size();
    EXPECT_EQ(reader.count_changed(surface->manifest().id, std::span(next_bytes).first(64)), 0U)
        << "step " << step;
  }
  EXPECT_GT(step, 20);
  EXPECT_GE(opened, 3U);
  EXPECT_GT(reused, 5U);
  EXPECT_TRUE(left().empty()) << left().front();
}

TEST_F(FaultPoints, WhoeverOpensMemoryThatItsExposerHasToItselfWaitsAndNobodyDiesOfIt) {
  std::thread opener;
  std::atomic<int> fd = -1;
  {
    Exposer exposer = Exposer::open({.transports = {shm_transport({.recycled_segments = 1})}}).value();
    { const auto first = exposer.expose(Source::bytes(bytes_)).get().value(); }
    at_step = [&](std::string_view name) {
      if (name != "pool: leased" || opener.joinable()) return;
      std::string pooled;
      for (const std::string& file : left())
        if (shm::owner_of_pool_name(file)) pooled = "/dev/shm/" + file;
      const int at_once = ::open(pooled.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
      EXPECT_EQ(at_once, -1);
      EXPECT_EQ(errno, EWOULDBLOCK);
      const auto refused = shm::SegmentObject::open(pooled);
      EXPECT_EQ(refused.error().code, Errc::withdrawn);
      opener = std::thread([&fd, pooled] { fd = ::open(pooled.c_str(), O_RDONLY | O_CLOEXEC); });
      ::usleep(50'000);  // it waits by now
      EXPECT_EQ(fd, -1);
    };
    const auto second = exposer.expose(Source::bytes(bytes_)).get().value();
    at_step = nullptr;
    ASSERT_TRUE(opener.joinable()) << "nothing was used again";
    opener.join();
    EXPECT_GE(fd, 0);
    ::close(fd);
  }
  EXPECT_TRUE(left().empty()) << left().front();
}

}  // namespace
}  // namespace test
}  // namespace rgtp
