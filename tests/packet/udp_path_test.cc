// When a path looks at its pulls, on a loop that does what the test says.
#include "packet/udp_path.h"

#include <array>
#include <set>

#include <gtest/gtest.h>
#include <poll.h>

#include <rgtp/pending.h>

#include "packet/exposer_engine.h"
#include "support/datagrams.h"
#include "support/memory_sink.h"
#include "support/observers.h"
#include "support/pattern.h"

namespace rgtp::packet {
namespace {

class ManualLoop : public EventLoop {
 public:
  Result<void> post(std::function<void()> task) override {
    posted_.push_back(std::move(task));
    return {};
  }
  bool on_loop_thread() const override { return true; }
  TimePoint now() const override { return std::chrono::steady_clock::now() + passed_; }
  std::unique_ptr<Timer> timer(std::function<void()> fire) override {
    fire_ = std::move(fire);
    return std::make_unique<NoTimer>();
  }
  Result<std::unique_ptr<Watch>> watch(int /*fd*/, std::function<void(Watch::Ready)> ready) override {
    ready_ = std::move(ready);
    return std::make_unique<NoWatch>();
  }
  void offload(std::function<void()> /*work*/, std::function<void()> /*done*/) override {}
  std::shared_ptr<void> on_closing(std::function<void()> /*end*/) override { return nullptr; }
  Pending<void> close() override { std::abort(); }  // nobody does
  void* native() override { return nullptr; }

  std::size_t posted() const { return posted_.size(); }
  void run_posted() {
    for (const auto& task : std::exchange(posted_, {})) task();
  }
  // What is watched, the last one, can be read.
  void tell_readable() { ready_({.readable = true}); }
  void pass(Duration time) { passed_ += time; }
  // What the timer was armed for is due: the last one.
  void tell_time() { fire_(); }

 private:
  struct NoTimer : Timer {
    void arm(TimePoint /*when*/) override {}
    void disarm() override {}
  };
  struct NoWatch : Watch {
    void set_interest(Interest /*interest*/) override {}
  };

  std::vector<std::function<void()>> posted_;
  std::function<void(Watch::Ready)> ready_;
  std::function<void()> fire_;
  Duration passed_{};
};

class UdpPathTest : public testing::Test {
 protected:
  // Which pulls have greeted since this was called last.
  std::set<std::uint64_t> greetings() {
    std::set<std::uint64_t> pulls;
    pollfd ready{.fd = exposer_.descriptor(), .events = POLLIN, .revents = 0};
    while (poll(&ready, 1, 0) > 0)
      exposer_.receive(at_exposer_, [&](const Received& received) {
        if (const auto hello = parse_hello(received.bytes)) pulls.insert(hello->pull_id);
      });
    return pulls;
  }
  // What has come, by kinds.
  std::multiset<Type> arrived() {
    std::multiset<Type> types;
    pollfd ready{.fd = exposer_.descriptor(), .events = POLLIN, .revents = 0};
    while (poll(&ready, 1, 0) > 0)
      exposer_.receive(at_exposer_, [&](const Received& received) {
        types.insert(static_cast<Type>(parse_prefix(received.bytes)->type));
        engine_.handle_datagram(received.arrived, received.peer, received.bytes);
      });
    return types;
  }
  void answer() {
    Train train;
    while (engine_.poll_transmit(loop_.now(), train)) {
      std::size_t sent = 0;
      ASSERT_EQ(exposer_.send(train, sent), IoStatus::done);
    }
    loop_.tell_readable();
  }

  ManualLoop loop_;
  ExposerEngine engine_{std::array<std::byte, 32>{}, {}};
  ReceiveBatch at_exposer_;
  ReceiveBatch at_puller_;
  UdpSocket exposer_ = UdpSocket::bind(test::address_of("127.0.0.1", 0), {}).value();
  test::MemorySink sinks_[3];
  std::shared_ptr<UdpPath> path_ = UdpPath::open({}, loop_, at_puller_, exposer_.local_address()).value();
};

TEST_F(UdpPathTest, AsksOnceForAllThatChangesInATurnOfTheLoop) {
  std::set<std::uint64_t> added;
  std::vector<PullerEngine*> engines;
  for (auto& sink : sinks_) {
    engines.push_back(path_->add(SurfaceId::random(), sink));
    added.insert(engines.back()->pull_id());
  }
  EXPECT_EQ(loop_.posted(), 1U);
  EXPECT_TRUE(greetings().empty());
  loop_.run_posted();
  EXPECT_EQ(greetings(), added);

  for (PullerEngine* const engine : engines) path_->remove(engine);
  EXPECT_EQ(loop_.posted(), 1U);
  EXPECT_TRUE(path_->is_idle());
  loop_.run_posted();
  EXPECT_TRUE(greetings().empty());
}

TEST_F(UdpPathTest, MayGoBeforeItAsks) {
  path_->add(SurfaceId::random(), sinks_[0]);
  path_.reset();
  loop_.run_posted();
  EXPECT_TRUE(greetings().empty());
}

// Its own address may have changed, and nothing tells but silence.
TEST_F(UdpPathTest, TakesANewSocketWhereNothingComesAnyMore) {
  const auto surface = test::pattern(1000000);
  const auto store = test::published_store(test::manifest_of(surface.size()), surface);
  ASSERT_TRUE(engine_.add(store, std::make_shared<test::NullObserver>()));
  path_->add(store->manifest().id, sinks_[0]);
  loop_.run_posted();
  (void)arrived();
  answer();
  const auto looked = [&](Duration after) {
    loop_.pass(after);
    loop_.tell_time();
    return arrived();
  };
  // It asks again from where it is at first.
  const auto before = looked(std::chrono::milliseconds(100));
  EXPECT_GT(before.count(Type::pull), 0U);
  EXPECT_EQ(before.count(Type::hello), 0U);
  bool greets = false;
  for (int i = 0; i < 40 && !greets; ++i)
    greets = looked(std::chrono::milliseconds(50)).contains(Type::hello);
  EXPECT_TRUE(greets);
  answer();
  EXPECT_GT(arrived().count(Type::pull), 0U);
}

// A cookie belongs to an address, and for a request with a wrong one many pullers of one network get no
// answer: exposers send few of those.
TEST_F(UdpPathTest, GreetsFromANewSocketBeforeItAsksForMore) {
  const auto surface = test::pattern(1000000);
  const auto store = test::published_store(test::manifest_of(surface.size()), surface);
  ASSERT_TRUE(engine_.add(store, std::make_shared<test::NullObserver>()));
  path_->add(store->manifest().id, sinks_[0]);
  loop_.run_posted();
  EXPECT_EQ(arrived(), std::multiset{Type::hello});
  answer();
  ASSERT_TRUE(sinks_[0].manifest());
  EXPECT_GT(arrived().count(Type::pull), 0U);

  loop_.pass(std::chrono::seconds(1));
  path_->reconnect();
  path_->pump_soon();
  loop_.run_posted();
  EXPECT_EQ(arrived(), std::multiset{Type::hello});
  answer();
  const auto asked = arrived();
  EXPECT_GT(asked.count(Type::pull), 0U);
  EXPECT_EQ(asked.count(Type::hello), 0U);
}

}  // namespace
}  // namespace rgtp::packet
