#include "packet/request_queue.h"

#include <array>
#include <memory_resource>

#include <gtest/gtest.h>

#include "support/bytes.h"
#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

// 1,000 bytes a slice.
Request request_of(const Peer& peer, std::uint64_t pull_id, std::uint16_t slices,
                   std::shared_ptr<const Store> store = nullptr) {
  Request request{.peer = peer,
                  .arrived = test::start_time,
                  .waiting_since = test::start_time,
                  .pull = {},
                  .store = std::move(store),
                  .observer = {}};
  request.pull.pull_id = pull_id;
  request.pull.slice_bytes = 968;
  request.pull.run_count = 1;
  request.pull.runs[0] = {ChunkIndex{0}, 0, slices};
  return request;
}

Request request_for(std::uint64_t pull_id, std::uint16_t slices,
                    std::shared_ptr<const Store> store = nullptr) {
  return request_of({}, pull_id, slices, std::move(store));
}

// Puller `number`, in a network of its own or in one with others.
Peer apart(unsigned number) {
  return test::peer_of("10." + std::to_string(number / 65536) + "." + std::to_string(number / 256 % 256) +
                       "." + "1");
}
Peer together(unsigned number) {
  return test::peer_of("10.0.0." + std::to_string(number % 250 + 1),
                       static_cast<std::uint16_t>(4000 + number / 250));
}

class RequestQueueTest : public testing::Test {
 protected:
  struct Puller {
    Peer peer;
    std::uint16_t slices = 1;  // a request
    std::size_t backlog = 8;   // requests that it tries to have waiting
    std::size_t waiting = 0;
    std::size_t served = 0;  // bytes
  };

  // True where it was taken.
  bool push(RequestQueue& queue, Request request) {
    const std::uint64_t id = request.pull.pull_id;
    displaced_.clear();
    queue.push(std::move(request), displaced_);
    return std::ranges::none_of(displaced_, [&](const Request& one) { return one.pull.pull_id == id; });
  }
  // Serves so many bytes, while every puller asks for as much as its backlog says, before every turn.
  void run(RequestQueue& queue, std::vector<Puller>& pullers, std::size_t bytes) {
    for (std::size_t served = 0; served < bytes;) {
      for (std::size_t i = 0; i < pullers.size(); ++i)
        for (std::size_t asks = pullers[i].waiting; asks < pullers[i].backlog; ++asks) {
          displaced_.clear();
          ++pullers[i].waiting;
          queue.push(request_of(pullers[i].peer, i, pullers[i].slices), displaced_);
          for (const Request& one : displaced_) --pullers[one.pull.pull_id].waiting;
        }
      const Request next = queue.serve();
      --pullers[next.pull.pull_id].waiting;
      pullers[next.pull.pull_id].served += next.charge();
      served += next.charge();
    }
  }

  std::vector<Request> displaced_;
};

TEST_F(RequestQueueTest, ServesOnePullerInTheOrderOfArrival) {
  RequestQueue queue(100'000);
  EXPECT_TRUE(queue.empty());
  for (std::uint64_t id = 0; id < 5; ++id) EXPECT_TRUE(push(queue, request_for(id, 1)));
  for (std::uint64_t id = 0; id < 5; ++id) {
    EXPECT_EQ(queue.next()->pull.pull_id, id);
    EXPECT_EQ(queue.serve().pull.pull_id, id);
  }
  EXPECT_EQ(queue.next(), nullptr);
  EXPECT_TRUE(queue.empty());
}

TEST_F(RequestQueueTest, HoldsSoManyHoweverLittleTheyStandFor) {
  RequestQueue queue(1 << 30);
  for (std::uint64_t id = 0; id < RequestQueue::max_requests; ++id)
    EXPECT_TRUE(push(queue, request_for(id, 1)));
  EXPECT_FALSE(push(queue, request_for(RequestQueue::max_requests, 1)));
  EXPECT_EQ(queue.size(), RequestQueue::max_requests);
  (void)queue.serve();
  EXPECT_TRUE(push(queue, request_for(RequestQueue::max_requests, 1)));
}

TEST_F(RequestQueueTest, CountsBytesOfAnswers) {
  RequestQueue queue(100'000);
  EXPECT_TRUE(push(queue, request_for(1, 3)));
  EXPECT_EQ(queue.bytes(), 3000U);
  EXPECT_TRUE(push(queue, request_for(2, 10)));
  EXPECT_EQ(queue.bytes(), 13'000U);
  (void)queue.serve();
  EXPECT_EQ(queue.bytes(), 10'000U);
  (void)queue.discard();
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST_F(RequestQueueTest, TakesNoMoreThanItsBound) {
  RequestQueue queue(10'000);
  EXPECT_TRUE(push(queue, request_for(1, 4)));
  EXPECT_TRUE(push(queue, request_for(2, 6)));
  EXPECT_FALSE(push(queue, request_for(3, 1)));
  EXPECT_EQ(queue.bytes(), 10'000U);
  (void)queue.serve();
  EXPECT_TRUE(push(queue, request_for(4, 1)));
  EXPECT_FALSE(push(queue, request_for(5, 4)));
}

TEST_F(RequestQueueTest, TakesMoreOnceItsBoundRises) {
  RequestQueue queue(10'000);
  EXPECT_TRUE(push(queue, request_for(1, 10)));
  EXPECT_FALSE(push(queue, request_for(2, 1)));
  queue.set_bound(11'000);
  EXPECT_TRUE(push(queue, request_for(3, 1)));
}

TEST_F(RequestQueueTest, AlwaysTakesOne) {
  RequestQueue queue(1000);
  EXPECT_TRUE(push(queue, request_for(1, 60)));
  EXPECT_FALSE(push(queue, request_for(2, 1)));
  EXPECT_EQ(queue.serve().pull.pull_id, 1U);
  EXPECT_TRUE(push(queue, request_for(2, 60)));
}

TEST_F(RequestQueueTest, PullersThatAskWithLongTrainsGetNoMoreThanOthers) {
  for (const auto& peer_of : {apart, together}) {
    RequestQueue queue(4'000'000);
    std::vector<Puller> pullers = {{peer_of(256), 64}, {peer_of(512), 2, 100}, {peer_of(768), 7, 40}};
    run(queue, pullers, 3'000'000);
    for (const Puller& puller : pullers) EXPECT_NEAR(static_cast<double>(puller.served), 1e6, 65'000);
  }
}

TEST_F(RequestQueueTest, WhoHasOneRequestWaitingAtATimeGetsNoMoreForItsLength) {
  RequestQueue queue(4'000'000);
  std::vector<Puller> pullers = {{together(1), 64, 1}, {together(2), 2, 1}, {together(3), 2, 1}};
  run(queue, pullers, 3'000'000);
  for (const Puller& puller : pullers) EXPECT_NEAR(static_cast<double>(puller.served), 1e6, 65'000);
}

TEST_F(RequestQueueTest, SixtyThreePullersGetTheirSharesBesideOneThatFloods) {
  for (const auto& peer_of : {apart, together}) {
    RequestQueue queue(256 * 1024);
    // Two trains of one are half of the list; of the others one each takes four fifths.
    std::vector<Puller> pullers(64);
    for (unsigned i = 0; i < 64; ++i) pullers[i] = {.peer = peer_of(256 * i), .slices = 3, .backlog = 1};
    pullers[0].slices = 64;
    pullers[0].backlog = 50;
    run(queue, pullers, 64'000'000);
    EXPECT_LE(pullers[0].served, 1'100'000U);
    for (unsigned i = 1; i < 64; ++i) EXPECT_GE(pullers[i].served, 950'000U) << i;
  }
}

TEST_F(RequestQueueTest, AHostWithManyPortsGetsWhatOneOtherGets) {
  RequestQueue queue(256 * 1024);
  std::vector<Puller> pullers(1001);
  for (std::uint16_t i = 0; i < 1000; ++i)
    pullers[i] = {.peer = test::peer_of("198.51.100.7", i), .slices = 3, .backlog = 1};
  pullers[1000] = {.peer = test::peer_of("203.0.113.1"), .slices = 3, .backlog = 10};
  run(queue, pullers, 2'000'000);
  EXPECT_NEAR(static_cast<double>(pullers[1000].served), 1e6, 10'000);
}

TEST_F(RequestQueueTest, AFullListLetsTheRequestGoWhoseTurnWouldComeLast) {
  RequestQueue queue(10'000);
  for (std::uint64_t id = 0; id < 10; ++id) EXPECT_TRUE(push(queue, request_of(apart(1), id, 1)));
  EXPECT_TRUE(push(queue, request_of(apart(300), 100, 1)));
  ASSERT_EQ(displaced_.size(), 1U);
  EXPECT_EQ(displaced_[0].pull.pull_id, 9U);
  EXPECT_EQ(queue.bytes(), 10'000U);
  EXPECT_FALSE(push(queue, request_of(apart(1), 10, 1)));
  EXPECT_TRUE(push(queue, request_of(apart(300), 101, 3)));
  EXPECT_EQ(displaced_.size(), 3U);
}

TEST_F(RequestQueueTest, WhatWasPushedOutIsNoDebt) {
  RequestQueue queue(4000);
  for (std::uint64_t id = 0; id < 4; ++id) EXPECT_TRUE(push(queue, request_of(together(1), id, 1)));
  for (std::uint64_t id = 10; id < 12; ++id) EXPECT_TRUE(push(queue, request_of(together(2), id, 1)));
  // 0, 10, 1, 11 are left. What comes next of the first puller follows upon these.
  queue.set_bound(10'000);
  EXPECT_TRUE(push(queue, request_of(together(1), 4, 1)));
  EXPECT_TRUE(push(queue, request_of(together(2), 12, 1)));
  for (const std::uint64_t id : {0U, 10U, 1U, 11U, 4U, 12U}) EXPECT_EQ(queue.serve().pull.pull_id, id);
}

TEST_F(RequestQueueTest, WhatIsDiscardedIsNoShare) {
  RequestQueue queue(100'000);
  EXPECT_TRUE(push(queue, request_of(together(1), 1, 60)));
  EXPECT_TRUE(push(queue, request_of(together(2), 2, 1)));
  (void)queue.discard();
  EXPECT_TRUE(push(queue, request_of(together(1), 3, 1)));
  EXPECT_TRUE(push(queue, request_of(together(2), 4, 1)));
  for (const std::uint64_t id : {2U, 3U, 4U}) EXPECT_EQ(queue.serve().pull.pull_id, id);
}

TEST_F(RequestQueueTest, DropsWhatIsAskedOfOneSurface) {
  const auto kept = test::published_store(test::manifest_of(10), test::bytes_of("0123456789"));
  const auto dropped = test::published_store(test::manifest_of(10), test::bytes_of("0123456789"));
  RequestQueue queue(100'000);
  for (std::uint64_t id = 0; id < 6; ++id)
    EXPECT_TRUE(push(queue, request_for(id, 1, id % 2 == 0 ? kept : dropped)));
  EXPECT_TRUE(push(queue, request_of(apart(300), 7, 1, dropped)));
  queue.drop(dropped.get());
  EXPECT_EQ(dropped.use_count(), 1);
  EXPECT_EQ(queue.bytes(), 3000U);
  EXPECT_EQ(queue.size(), 3U);
  for (const std::uint64_t id : {0U, 2U, 4U}) EXPECT_EQ(queue.serve().pull.pull_id, id);
  EXPECT_TRUE(queue.empty());
}

// What a pool takes from behind.
class CountingResource : public std::pmr::memory_resource {
 public:
  std::size_t bytes() const { return bytes_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    bytes_ += bytes;
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* at, std::size_t bytes, std::size_t alignment) override {
    bytes_ -= bytes;
    std::pmr::new_delete_resource()->deallocate(at, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::size_t bytes_ = 0;
};

TEST_F(RequestQueueTest, TakesNoMoreMemoryForAHundredThousandPullersThanForAThousand) {
  CountingResource memory;
  std::pmr::memory_resource* const before = std::pmr::set_default_resource(&memory);
  {
    RequestQueue queue(256 * 1024);
    std::array<std::size_t, 2> taken{};
    for (std::size_t round = 0; round < 2; ++round) {
      const unsigned pullers = round == 0 ? 1000 : 100'000;
      for (unsigned i = 0; i < pullers; ++i) {
        displaced_.clear();
        // A slice of 26 bytes, the least that there is.
        Request request = request_of(apart(i * 64), i, 1);
        request.pull.slice_bytes = 26;
        queue.push(std::move(request), displaced_);
        if (i % 3 == 0) (void)queue.serve();
        ASSERT_LE(queue.bytes(), 256U * 1024);
        ASSERT_LE(queue.size() * sizeof(Request), 256U * 1024);
      }
      taken[round] = memory.bytes();
    }
    EXPECT_LE(taken[0], 1024U * 1024);
    EXPECT_EQ(taken[1], taken[0]);
  }
  std::pmr::set_default_resource(before);
}

}  // namespace
}  // namespace rgtp::packet
