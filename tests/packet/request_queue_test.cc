#include "packet/request_queue.h"

#include <gtest/gtest.h>

#include "support/bytes.h"
#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

Request request_for(std::uint64_t pull_id, std::uint16_t slices,
                    std::shared_ptr<const Store> store = nullptr) {
  Request request{
      .peer = {}, .arrived = test::start_time, .pull = {}, .store = std::move(store), .observer = {}};
  request.pull.pull_id = pull_id;
  request.pull.slice_bytes = 968;
  request.pull.run_count = 1;
  request.pull.runs[0] = {ChunkIndex{0}, 0, slices};
  return request;
}

TEST(RequestQueue, ServesInTheOrderOfArrival) {
  RequestQueue queue(100'000);
  EXPECT_TRUE(queue.empty());
  for (std::uint64_t id = 0; id < 5; ++id) EXPECT_TRUE(queue.push(request_for(id, 1)));
  for (std::uint64_t id = 0; id < 5; ++id) EXPECT_EQ(queue.pop()->pull.pull_id, id);
  EXPECT_FALSE(queue.pop());
  EXPECT_TRUE(queue.empty());
}

TEST(RequestQueue, CountsBytesOfAnswers) {
  RequestQueue queue(100'000);
  EXPECT_TRUE(queue.push(request_for(1, 3)));
  EXPECT_EQ(queue.answer_bytes(), 3000U);
  EXPECT_TRUE(queue.push(request_for(2, 10)));
  EXPECT_EQ(queue.answer_bytes(), 13'000U);
  (void)queue.pop();
  EXPECT_EQ(queue.answer_bytes(), 10'000U);
  (void)queue.pop();
  EXPECT_EQ(queue.answer_bytes(), 0U);
}

TEST(RequestQueue, TakesNoMoreThanItsBound) {
  RequestQueue queue(10'000);
  EXPECT_TRUE(queue.push(request_for(1, 4)));
  EXPECT_TRUE(queue.push(request_for(2, 6)));
  EXPECT_FALSE(queue.push(request_for(3, 1)));
  EXPECT_EQ(queue.answer_bytes(), 10'000U);
  (void)queue.pop();
  EXPECT_TRUE(queue.push(request_for(4, 1)));
  EXPECT_FALSE(queue.push(request_for(5, 4)));
}

TEST(RequestQueue, AlwaysTakesOne) {
  RequestQueue queue(1000);
  EXPECT_TRUE(queue.push(request_for(1, 60)));
  EXPECT_FALSE(queue.push(request_for(2, 1)));
  EXPECT_TRUE(queue.pop());
  EXPECT_TRUE(queue.push(request_for(2, 60)));
}

TEST(RequestQueue, DropsWhatIsAskedOfOneSurface) {
  const auto kept = test::published_store(test::manifest_of(10), test::bytes_of("0123456789"));
  const auto dropped = test::published_store(test::manifest_of(10), test::bytes_of("0123456789"));
  RequestQueue queue(100'000);
  for (std::uint64_t id = 0; id < 6; ++id)
    EXPECT_TRUE(queue.push(request_for(id, 1, id % 2 == 0 ? kept : dropped)));
  queue.drop(dropped.get());
  EXPECT_EQ(dropped.use_count(), 1);
  EXPECT_EQ(queue.answer_bytes(), 3000U);
  for (const std::uint64_t id : {0U, 2U, 4U}) EXPECT_EQ(queue.pop()->pull.pull_id, id);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace rgtp::packet
