#include "packet/host_lookup.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

// A lookup on a loop of its own, whose resolver answers when the test says so.
class HostLookupTest : public testing::Test {
 protected:
  void TearDown() override {
    drop();
    open_resolver();
    loop_.reset();
    // The threads hold what belongs to the test.
    for (int i = 0; i < 500 && *resolving_ > 0; ++i) std::this_thread::sleep_for(10ms);
  }

  template <class F>
  void on_loop(F f) {
    std::promise<void> done;
    ASSERT_TRUE(loop_->post([&] {
      f();
      done.set_value();
    }));
    done.get_future().get();
  }
  void start(Duration patience) {
    on_loop([&] {
      auto started = HostLookup::start(
          *loop_, "host", 9000, loop_->now() + patience,
          [this](HostLookup::Addresses found) {
            ++calls_;
            result_.set_value(std::move(found));
          },
          [answer = answer_, resolving = resolving_](const std::string&, std::uint16_t port) {
            ++*resolving;
            answer.wait();
            --*resolving;
            Address address;
            address.port = port;
            return HostLookup::Addresses({address});
          });
      ASSERT_TRUE(started);
      lookup_ = std::move(*started);
    });
  }
  void drop() {
    on_loop([&] { lookup_.reset(); });
  }
  void open_resolver() {
    if (!std::exchange(opened_, true)) gate_.set_value();
  }

  std::promise<void> gate_;
  std::shared_future<void> answer_ = gate_.get_future().share();
  std::shared_ptr<std::atomic<int>> resolving_ = std::make_shared<std::atomic<int>>(0);
  bool opened_ = false;
  std::shared_ptr<EventLoop> loop_ = EventLoop::spawn().value();
  std::unique_ptr<HostLookup> lookup_;
  std::atomic<int> calls_ = 0;
  std::promise<HostLookup::Addresses> result_;
};

TEST_F(HostLookupTest, GivesTheAddressesOnceOnTheLoop) {
  open_resolver();
  start(10s);
  const auto found = result_.get_future().get();
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().port, 9000);
}

TEST_F(HostLookupTest, EndsAtItsDeadlineAndTakesNoLaterAnswer) {
  start(20ms);
  const auto found = result_.get_future().get();
  EXPECT_EQ(found.error().code, Errc::timed_out);
  EXPECT_NE(found.error().message().find("'host'"), std::string::npos);
  open_resolver();
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(calls_, 1);
}

TEST_F(HostLookupTest, NeitherItsEndNorTheLoopsWaitsForTheResolver) {
  start(10s);
  const auto began = std::chrono::steady_clock::now();
  drop();
  loop_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  open_resolver();
  for (int i = 0; i < 500 && *resolving_ > 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(calls_, 0);
  loop_ = EventLoop::spawn().value();
}

TEST_F(HostLookupTest, TooManyAtOnceAreALimit) {
  std::vector<std::unique_ptr<HostLookup>> lookups;
  Errc code{};
  on_loop([&] {
    for (int i = 0; i <= HostLookup::max_at_once; ++i) {
      auto started = HostLookup::start(
          *loop_, "host", 1, loop_->now() + 10s, [](const HostLookup::Addresses&) {},
          [answer = answer_](const std::string&, std::uint16_t) {
            answer.wait();
            return HostLookup::Addresses(std::vector<Address>());
          });
      if (started)
        lookups.push_back(std::move(*started));
      else
        code = started.error().code;
    }
    lookups.clear();
  });
  EXPECT_EQ(code, Errc::limit);
}

}  // namespace
}  // namespace rgtp::packet
