// Surfaces whose exposer decides who may have their memory: asked for by this user, by others, by those who
// say nothing; attacked by those who got it.
#include "shm/broker.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rgtp/host.h>
#include <rgtp/rgtp.h>

#include "shm/broker_request.h"
#include "shm/file_bytes.h"
#include "shm/segment_layout.h"
#include "shm/unix_socket.h"
#include "support/forked_child.h"
#include "support/users.h"

namespace rgtp::shm {
namespace {

using namespace std::chrono_literals;
using test::ForkedChild;
using Clock = std::chrono::steady_clock;

constexpr uid_t user = 12'345;
constexpr uid_t other_user = 23'456;

// Whoever has a descriptor of it.
void expect_no_way_to_write(int fd) {
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  void* const mapped = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_NE(::mprotect(mapped, 4096, PROT_READ | PROT_WRITE), 0);
  ::munmap(mapped, 4096);
  EXPECT_LT(::pwrite(fd, "x", 1, 0), 0);
  EXPECT_NE(::ftruncate(fd, 0), 0);
  EXPECT_NE(::ftruncate(fd, 1 << 20), 0);
  EXPECT_NE(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
}

class BrokerTest : public testing::Test {
 protected:
  BrokerTest() { fs::permissions(directory_.path(), fs::perms::all); }

  std::shared_ptr<Transport> transport() const { return shm_transport({.directory = directory_.path()}); }
  Exposer open_exposer() const { return Exposer::open({.transports = {transport()}}).value(); }
  Puller open_puller() const { return Puller::open({.transports = {transport()}}).value(); }
  static ExposeOptions decided_by(std::function<bool(const Asker&)> lets_in) {
    return {.chunk_bytes = 4096, .access = Access::decide(std::move(lets_in))};
  }
  static ExposeOptions everybody() {
    return decided_by([](const Asker&) { return true; });
  }
  std::vector<std::string> names() const { return names_in(directory_.path()); }
  // To everybody, in a child, which tells the locator.
  void expose_until_killed(const ForkedChild::Parent& parent) const {
    Exposer exposer = open_exposer();
    const auto surface = exposer.expose(Source::bytes(bytes_), everybody()).get().value();
    parent.tell(surface.locator().reveal());
    parent.wait_to_be_killed();
  }

  // "ok", "wrong bytes" or the code's name, and the route.
  std::string pull(const std::string& locator) const {
    Puller puller = open_puller();
    Pull pull = puller.pull(Locator::parse(locator).value());
    const auto view = pull.complete().get();
    if (!view) return std::string(to_string(view.error().code));
    return std::ranges::equal(view->bytes(), bytes_) ? "ok " + pull.transport() : "wrong bytes";
  }
  // The same as another user, in a process of its own.
  std::string pull_as(uid_t who, const std::string& locator) const {
    ForkedChild child([&](const ForkedChild::Parent& parent) {
      if (!test::become(who)) return parent.tell("cannot become another user");
      parent.tell(pull(locator));
    });
    return child.read_line().value_or("nothing");
  }
  fs::path name_of(const Locator& locator) const { return directory_ / segment_name(*locator.id()); }
  // What an asker is given, as it comes.
  Descriptor ask(const Locator& locator) const {
    const Descriptor socket = unix_socket();
    EXPECT_EQ(connect_to(socket, name_of(locator)), 0);
    const std::string name = segment_name(*locator.id());
    EXPECT_TRUE(send_with(socket, std::as_bytes(std::span(name)), Descriptor()));
    ReceivedMessage received;
    std::array<std::byte, 16> answer;
    test::comes_true([&] { return (received = receive_with(socket, answer)).bytes >= 0; });
    return std::move(received.passed);
  }

  // What another user who was given what `exposing` tells of can do: nothing. Whether it has all its seals.
  std::string attack_as_another(ForkedChild& exposing) const {
    const auto line = exposing.read_line();
    EXPECT_TRUE(line);
    ForkedChild asking([&](const ForkedChild::Parent& parent) {
      if (!line || !test::become(user)) return;
      const Descriptor memory = ask(Locator::parse(*line).value());
      ASSERT_TRUE(memory);
      expect_no_way_to_write(memory.get());
      EXPECT_NE(::fchmod(memory.get(), 0666), 0);
      EXPECT_FALSE(Descriptor(::open(proc_name(memory.get()).c_str(), O_RDWR | O_CLOEXEC)));
      EXPECT_NE(::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SEAL), 0);
      const int seals = ::fcntl(memory.get(), F_GET_SEALS);
      parent.tell((seals & F_SEAL_WRITE) != 0 && (seals & F_SEAL_SEAL) != 0 ? "sealed" : "not sealed");
    });
    const auto said = asking.read_line();
    EXPECT_EQ(asking.wait(), 0);
    return said.value_or("nothing");
  }

  const TemporaryDirectory directory_{"/dev/shm"};
  const Bytes bytes_ = pattern(10 * 4096 + 100);
};

TEST_F(BrokerTest, TheExposerIsAskedEachTimeByWhom) {
  std::vector<Asker> askers;
  std::atomic<bool> lets_in = true;
  Exposer exposer = open_exposer();
  const auto surface = exposer
                           .expose(Source::bytes(bytes_), decided_by([&](const Asker& asker) {
                                     askers.push_back(asker);
                                     return lets_in.load();
                                   }))
                           .get()
                           .value();
  EXPECT_TRUE(std::holds_alternative<Locator::ThisHost>(surface.locator().where()));
  EXPECT_TRUE(fs::is_socket(name_of(surface.locator())));
  const std::string locator = surface.locator().reveal();
  EXPECT_EQ(pull(locator), "ok shm");
  EXPECT_EQ(pull(locator), "ok shm");
  lets_in = false;
  EXPECT_EQ(pull(locator), "denied");
  ASSERT_EQ(askers.size(), 3U);
  for (const Asker& asker : askers) {
    EXPECT_EQ(asker.user, ::geteuid());
    EXPECT_EQ(asker.group, ::getegid());
    EXPECT_EQ(asker.process, ::getpid());
  }
  EXPECT_EQ(list_host_surfaces(directory_.path()).value().at(0).details, std::nullopt);
}

TEST_F(BrokerTest, OtherUsersAreLetInOrNotByThatAlone) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
  ForkedChild exposing([&](const ForkedChild::Parent& parent) {
    Exposer exposer = open_exposer();
    const auto surface = exposer
                             .expose(Source::bytes(bytes_), decided_by([](const Asker& asker) {
                                       return asker.user == user && asker.group == user && asker.process != 0;
                                     }))
                             .get()
                             .value();
    parent.tell(surface.locator().reveal());
    parent.wait_to_be_killed();
  });
  const auto locator = exposing.read_line();
  ASSERT_TRUE(locator);
  EXPECT_EQ(pull_as(user, *locator), "ok shm");
  EXPECT_EQ(pull_as(other_user, *locator), "denied");
  EXPECT_EQ(pull_as(0, *locator), "denied");
}

TEST_F(BrokerTest, AnExposerWhoIsNotTrustedIsNotAsked) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
  ForkedChild exposing([&](const ForkedChild::Parent& parent) {
    if (!test::become(user)) return;
    std::atomic<int> asked = 0;
    Exposer exposer = open_exposer();
    const auto surface = exposer
                             .expose(Source::bytes(bytes_), decided_by([&](const Asker&) {
                                       ++asked;
                                       return true;
                                     }))
                             .get()
                             .value();
    parent.tell(surface.locator().reveal());
    ::usleep(300'000);
    parent.tell(std::to_string(asked));
    parent.wait_to_be_killed();
  });
  const auto locator = exposing.read_line();
  ASSERT_TRUE(locator);
  EXPECT_EQ(pull_as(other_user, *locator), "denied");
  EXPECT_EQ(exposing.read_line(), "0");
}

TEST_F(BrokerTest, WhatWasHandedOverCannotBeChangedByAnybody) {
  Exposer exposer = open_exposer();
  const auto finished = exposer.expose(Source::bytes(bytes_), everybody()).get().value();
  auto writer = exposer.begin({.size = bytes_.size(), .expose = everybody()}).value();
  for (const Locator& locator : {finished.locator(), writer.locator()}) {
    const Descriptor memory = ask(locator);
    ASSERT_TRUE(memory);
    expect_no_way_to_write(memory.get());
    // Its owner may give himself the right to open it for writing, which gives no right to write.
    EXPECT_EQ(::fchmod(memory.get(), 0600), 0);
    const Descriptor again(::open(proc_name(memory.get()).c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(again);
    expect_no_way_to_write(again.get());
    EXPECT_NE(::fcntl(again.get(), F_ADD_SEALS, F_SEAL_SEAL), 0);
  }
}

TEST_F(BrokerTest, AnotherUserCannotEvenOpenItForWriting) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
  ForkedChild exposing([&](const ForkedChild::Parent& parent) { expose_until_killed(parent); });
  EXPECT_EQ(attack_as_another(exposing), "sealed");
}

TEST_F(BrokerTest, AnotherUserCannotChangeOneThatGrowsNorForestallTheLastSeals) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
  ForkedChild exposing([&](const ForkedChild::Parent& parent) {
    Exposer exposer = open_exposer();
    auto writer = exposer.begin({.size = bytes_.size(), .expose = everybody()}).value();
    parent.tell(writer.locator().reveal());
    parent.wait_to_be_killed();
  });
  EXPECT_EQ(attack_as_another(exposing), "not sealed");
}

TEST_F(BrokerTest, ASurfaceIsPulledWhileItGrowsAndSealedWhenItIsFinished) {
  Exposer exposer = open_exposer();
  auto writer = exposer.begin({.capacity = 20 * 4096, .expose = everybody()}).value();
  Puller puller = open_puller();
  Pull pull = puller.pull(writer.locator(), {.order = Order::content, .wait = Wait::block});
  std::vector<std::byte> got;
  for (ChunkIndex chunk{0}; chunk.value < 10; ++chunk.value) {
    const auto loan = writer.loan(chunk).value();
    std::copy_n(bytes_.begin() + chunk.value * 4096, 4096, loan.begin());
    ASSERT_TRUE(writer.publish(chunk));
    const auto view = pull.next().get().value();
    got.insert(got.end(), view->bytes().begin(), view->bytes().end());
  }
  const auto rest = writer.loan(ChunkIndex{10}).value();
  std::copy(bytes_.begin() + 10 * 4096, bytes_.end(), rest.begin());
  const auto surface = std::move(writer).finish(bytes_.size()).value();
  const auto view = pull.next().get().value();
  got.insert(got.end(), view->bytes().begin(), view->bytes().end());
  EXPECT_EQ(pull.next().get().value(), std::nullopt);
  EXPECT_EQ(got, bytes_);
  EXPECT_EQ(this->pull(surface.locator().reveal()), "ok shm");
}

TEST_F(BrokerTest, ManyThreadsPublishAndTheLastOnesCountMeetsTheSeal) {
  for (int round = 0; round < 20; ++round) {
    Exposer exposer = open_exposer();
    constexpr std::uint32_t chunks = 64;
    auto writer = exposer.begin({.size = chunks * 4096, .expose = everybody()}).value();
    std::vector<std::thread> threads;
    for (std::uint32_t first = 0; first < 4; ++first)
      threads.emplace_back([&, first] {
        for (std::uint32_t chunk = first; chunk < chunks; chunk += 4) {
          std::ranges::fill(writer.loan(ChunkIndex{chunk}).value(), std::byte{7});
          EXPECT_TRUE(writer.publish(ChunkIndex{chunk}));
        }
      });
    for (auto& thread : threads) thread.join();
    const auto surface = std::move(writer).finish().value();
    Puller puller = open_puller();
    Pull pull = puller.pull(surface.locator());
    const auto view = pull.complete().get();
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_EQ(std::ranges::count(view->bytes(), std::byte{7}), chunks * 4096);
  }
}

TEST_F(BrokerTest, AWithdrawnOneIsUnknownAndNothingIsLeftBehind) {
  { const Exposer what_a_first_loop_leaves = open_exposer(); }
  const std::size_t open_before = names_in("/proc/self/fd").size();
  {
    Exposer exposer = open_exposer();
    std::optional<Surface> surface = exposer.expose(Source::bytes(bytes_), everybody()).get().value();
    const auto other = exposer.expose(Source::bytes(bytes_), everybody()).get().value();
    const std::string locator = surface->locator().reveal();
    EXPECT_EQ(names().size(), 4U);  // two names, the socket's own, the lock file
    surface.reset();
    EXPECT_TRUE(test::comes_true([&] { return names().size() == 3; }));
    EXPECT_EQ(pull(locator), "unknown_surface");
    EXPECT_EQ(pull(other.locator().reveal()), "ok shm");
  }
  EXPECT_TRUE(test::comes_true([&] { return names().empty(); }));
  EXPECT_TRUE(test::comes_true([&] { return names_in("/proc/self/fd").size() <= open_before; }));
}

TEST_F(BrokerTest, OfAKilledExposerNothingIsOfferedAndAllIsSwept) {
  ForkedChild exposing([&](const ForkedChild::Parent& parent) { expose_until_killed(parent); });
  const auto locator = exposing.read_line();
  ASSERT_TRUE(locator);
  EXPECT_EQ(clear_host(directory_.path()).value().segments, 0U);
  EXPECT_EQ(names().size(), 3U);
  exposing.kill();
  EXPECT_EQ(pull(*locator), "exposer_gone");
  const auto cleared = clear_host(directory_.path()).value();
  EXPECT_EQ(cleared.segments, 1U);
  EXPECT_EQ(cleared.owners, 2U);
  EXPECT_TRUE(names().empty());
}

TEST_F(BrokerTest, AnExposerThatDoesNotAnswerEndsThePullInTime) {
  ForkedChild exposing([&](const ForkedChild::Parent& parent) { expose_until_killed(parent); });
  const auto locator = exposing.read_line();
  ASSERT_TRUE(locator);
  ::kill(exposing.pid(), SIGSTOP);
  const auto begun = Clock::now();
  EXPECT_EQ(pull(*locator), "timed_out");
  EXPECT_LT(Clock::now() - begun, 5s);
}

TEST_F(BrokerTest, ThoseWhoSayNothingKeepNobodyOutForLong) {
  Exposer exposer = open_exposer();
  const auto surface = exposer.expose(Source::bytes(bytes_), everybody()).get().value();
  std::vector<Descriptor> silent;
  for (std::size_t i = 0; i < 2 * Broker::most_of_one_user; ++i) {
    silent.push_back(unix_socket());
    EXPECT_EQ(connect_to(silent.back(), name_of(surface.locator())), 0);
  }
  // Of the same user: when the first ones have had their time.
  EXPECT_EQ(pull(surface.locator().reveal()), "ok shm");
}

TEST_F(BrokerTest, SilentOnesOfAUserKeepNoOtherUserWaiting) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
  ForkedChild exposing([&](const ForkedChild::Parent& parent) { expose_until_killed(parent); });
  const auto locator = exposing.read_line();
  ASSERT_TRUE(locator);
  std::vector<Descriptor> silent;
  for (std::size_t i = 0; i < 2 * Broker::most_askers; ++i) {
    silent.push_back(unix_socket());
    (void)connect_to(silent.back(), name_of(Locator::parse(*locator).value()));
  }
  const auto begun = Clock::now();
  EXPECT_EQ(pull_as(user, *locator), "ok shm");
  EXPECT_LT(Clock::now() - begun, Broker::patience);
}

TEST_F(BrokerTest, WhoWasGivenMemoryAndDoesNotTakeItIsGivenNoMoreThanSoMuch) {
  Exposer exposer = open_exposer();
  const auto surface = exposer.expose(Source::bytes(bytes_), everybody()).get().value();
  const std::string name = segment_name(*surface.locator().id());
  std::vector<Descriptor> hoarding;
  std::size_t answered = 0;
  for (std::size_t i = 0; i < 3 * Broker::most_of_one_user; ++i) {
    hoarding.push_back(unix_socket());
    ASSERT_EQ(connect_to(hoarding.back(), name_of(surface.locator())), 0);
    (void)send_with(hoarding.back(), std::as_bytes(std::span(name)), Descriptor());
  }
  ::usleep(100'000);
  for (const Descriptor& socket : hoarding) {
    std::array<std::byte, 16> answer;
    answered += receive_with(socket, answer).passed ? 1 : 0;
  }
  EXPECT_EQ(answered, Broker::most_of_one_user);
  hoarding.clear();
  EXPECT_EQ(pull(surface.locator().reveal()), "ok shm");
}

TEST_F(BrokerTest, TheCallbackMayTakeItsOwnSurfaceBackAndIsNotCalledAgain) {
  Exposer exposer = open_exposer();
  std::atomic<int> calls = 0;
  std::optional<Surface> surface;
  surface = exposer
                .expose(Source::bytes(bytes_), decided_by([&](const Asker&) {
                          ++calls;
                          surface.reset();
                          return true;
                        }))
                .get()
                .value();
  const std::string locator = surface->locator().reveal();
  EXPECT_EQ(pull(locator), "ok shm");
  EXPECT_EQ(pull(locator), "unknown_surface");
  EXPECT_EQ(calls, 1);
}

TEST_F(BrokerTest, ASurfaceIsNotGoneBeforeItsCallbackHasReturned) {
  std::promise<void> entered;
  std::promise<void> release;
  Exposer exposer = open_exposer();
  std::optional surface = exposer
                              .expose(Source::bytes(bytes_), decided_by([&](const Asker&) {
                                        entered.set_value();
                                        release.get_future().wait();
                                        return true;
                                      }))
                              .get()
                              .value();
  const std::string locator = surface->locator().reveal();
  auto pulled = std::async(std::launch::async, [&] { return pull(locator); });
  ASSERT_EQ(entered.get_future().wait_for(10s), std::future_status::ready);
  auto gone = std::async(std::launch::async, [&] { surface.reset(); });
  EXPECT_EQ(gone.wait_for(50ms), std::future_status::timeout);
  release.set_value();
  EXPECT_EQ(gone.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(pulled.get(), "ok shm");
}

TEST_F(BrokerTest, ASocketWhoseNameSomebodyRemovedIsReplacedForWhatComesNext) {
  Exposer exposer = open_exposer();
  const auto before = exposer.expose(Source::bytes(bytes_), everybody()).get().value();
  for (const std::string& name : names())
    if (owner_of_broker_name(name)) fs::remove(directory_ / name);
  const auto after = exposer.expose(Source::bytes(bytes_), everybody()).get();
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(pull(before.locator().reveal()), "ok shm");
  EXPECT_EQ(pull(after->locator().reveal()), "ok shm");
}

TEST_F(BrokerTest, APullThatIsGivenUpWhileItAsksEndsAndALoopThatClosesEndsIt) {
  ForkedChild exposing([&](const ForkedChild::Parent& parent) { expose_until_killed(parent); });
  const auto line = exposing.read_line();
  ASSERT_TRUE(line);
  const Locator locator = Locator::parse(*line).value();
  ::kill(exposing.pid(), SIGSTOP);
  auto loop = EventLoop::spawn().value();
  Puller puller = Puller::open({.loop = loop, .transports = {transport()}}).value();
  for (int i = 0; i < 20; ++i) {
    const Pull given_up = puller.pull(locator);
    ::usleep(static_cast<useconds_t>(i) * 200);
  }
  Pull closed = puller.pull(locator);
  auto pending = closed.complete();
  ::usleep(20'000);
  EXPECT_TRUE(loop->close().get());
  EXPECT_EQ(pending.get().error().code, Errc::closed);
}

TEST_F(BrokerTest, WhatMakesNoSenseIsNotAnswered) {
  Exposer exposer = open_exposer();
  const auto surface = exposer.expose(Source::bytes(bytes_), everybody()).get().value();
  for (const std::string& asked :
       {std::string(), std::string("rgtp-"), std::string(64, 'x'), std::string(4096, '\0')}) {
    const Descriptor socket = unix_socket();
    ASSERT_EQ(connect_to(socket, name_of(surface.locator())), 0);
    EXPECT_TRUE(send_with(socket, std::as_bytes(std::span(asked)), Descriptor()));
    ReceivedMessage received;
    std::array<std::byte, 16> answer = {std::byte{0xff}};
    EXPECT_TRUE(test::comes_true([&] { return (received = receive_with(socket, answer)).bytes >= 0; }));
    EXPECT_FALSE(received.passed);
    EXPECT_NE(answer[0], std::byte{0}) << "with " << received.bytes << " bytes";
  }
  EXPECT_EQ(pull(surface.locator().reveal()), "ok shm");
}

TEST_F(BrokerTest, WhatIsNoSuchSurfacesMemoryIsNotTaken) {
  // Somebody's own socket under the name, who hands over what he likes.
  Exposer exposer = open_exposer();
  const auto other = exposer.expose(Source::bytes(bytes_), everybody()).get().value();
  const SurfaceId id = SurfaceId::random();
  const Descriptor listening = unix_socket();
  ASSERT_EQ(bind_to(listening, directory_ / segment_name(id)), 0);
  ASSERT_EQ(::listen(listening.get(), 8), 0);
  const Descriptor unsealed(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(unsealed.get(), 8192), 0);
  const Descriptor empty(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::fcntl(empty.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
  const Descriptor others = ask(other.locator());
  for (const Descriptor* handed : {&unsealed, &empty, &others}) {
    std::atomic<bool> pulled = false;
    // The exposer's sweep may ask too whether somebody is there.
    std::thread answering([&] {
      std::vector<Descriptor> answered;
      while (!pulled) {
        Descriptor socket(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (socket) {
          (void)send_with(socket, std::array<std::byte, broker_answer_bytes>{}, *handed);
          answered.push_back(std::move(socket));
        }
        ::usleep(1000);
      }
    });
    EXPECT_EQ(pull(Locator(Locator::ThisHost{id}).reveal()), "malformed_data");
    pulled = true;
    answering.join();
  }
  fs::remove(directory_ / segment_name(id));
}

TEST_F(BrokerTest, AnAnswerThatMakesNoSenseEndsThePull) {
  const SurfaceId id = SurfaceId::random();
  const Descriptor listening = unix_socket();
  ASSERT_EQ(bind_to(listening, directory_ / segment_name(id)), 0);
  ASSERT_EQ(::listen(listening.get(), 8), 0);
  constexpr auto zero = std::byte{0};
  const std::pair<Bytes, const char*> answers[] = {
      {{zero, zero, zero}, "malformed_data"},
      {{zero, zero, zero, zero, zero}, "malformed_data"},
      {{std::byte{4}, zero, zero, zero}, "malformed_data"},
      {{zero, zero, zero, std::byte{1}}, "malformed_data"},
      {{zero, zero, zero, zero}, "io_error"},  // granted, and nothing came
      {{std::byte{3}, zero, zero, zero}, "io_error"},
  };
  for (const auto& [answer, code] : answers) {
    ForkedChild asking([&](const ForkedChild::Parent& parent) {
      parent.tell(pull(Locator(Locator::ThisHost{id}).reveal()));
    });
    Descriptor socket;
    ASSERT_TRUE(test::comes_true([&] {
      socket = Descriptor(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
      return static_cast<bool>(socket);
    }));
    ASSERT_TRUE(send_with(socket, answer, Descriptor()));
    EXPECT_EQ(asking.read_line(), code) << answer.size();
  }
  fs::remove(directory_ / segment_name(id));
}

TEST_F(BrokerTest, ASocketThatWasPlantedIsRefusedWithAWarningAndTheNextRouteIsTaken) {
  std::atomic<int> warnings = 0;
  const Log log = [&](LogLevel level, std::string_view) { warnings += level == LogLevel::warning ? 1 : 0; };
  Exposer exposer = Exposer::open({.transports = {udp_transport()}}).value();
  const auto surface = exposer.expose(Source::bytes(bytes_)).get().value();
  const Descriptor planted(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind_to(planted, name_of(surface.locator())), 0);
  ASSERT_EQ(::listen(planted.get(), 1), 0);
  Puller puller = Puller::open({.transports = {shm_transport({.directory = directory_.path(), .log = log}),
                                               udp_transport()}})
                      .value();
  Pull pull = puller.pull(surface.locator());
  const auto view = pull.complete().get();
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_EQ(pull.transport(), "udp");
  EXPECT_EQ(warnings, 1);
  fs::remove(name_of(surface.locator()));
}

TEST_F(BrokerTest, AnUntrustedUsersSocketIsNotEvenAsked) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
  const SurfaceId id = SurfaceId::random();
  const Descriptor planted = unix_socket();
  ASSERT_EQ(bind_to(planted, directory_ / segment_name(id)), 0);
  ASSERT_EQ(::lchown((directory_ / segment_name(id)).c_str(), user, user), 0);
  ASSERT_EQ(::listen(planted.get(), 0), 0);
  const Descriptor fills_the_backlog = unix_socket();
  ASSERT_EQ(connect_to(fills_the_backlog, directory_ / segment_name(id)), 0);
  const auto begun = Clock::now();
  EXPECT_EQ(pull(Locator(Locator::ThisHost{id}).reveal()), "denied");
  EXPECT_LT(Clock::now() - begun, BrokerRequest::patience);
  fs::remove(directory_ / segment_name(id));
}

TEST_F(BrokerTest, AFileInPlaceAndAPersistentSurfaceAreNotDecidedAbout) {
  const TemporaryDirectory files;
  write_file(files / "in", bytes_);
  Exposer exposer = open_exposer();
  expect_error(exposer.expose(Source::file(files / "in"), everybody()).get(), Errc::denied, "in'");
  EXPECT_TRUE(exposer.expose(Source::snapshot(files / "in"), everybody()).get());
  ExposeOptions options = everybody();
  options.persistent = true;
  expect_error(exposer.expose(Source::bytes(bytes_), options).get(), Errc::invalid_argument, "outlive");
}

}  // namespace
}  // namespace rgtp::shm
