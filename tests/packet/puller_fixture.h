// A puller's engine that is driven by hand-made answers.
#pragma once

#include <deque>

#include <gtest/gtest.h>

#include "packet/puller_engine.h"
#include "packet/slicing.h"
#include "support/datagrams.h"
#include "support/memory_sink.h"
#include "support/pattern.h"

namespace rgtp::packet {

class PullerFixture : public testing::Test {
 protected:
  using Run = packet::Run;  // not testing::Test::Run()
  using Bytes = std::vector<std::byte>;

  static constexpr std::uint64_t pull_id = 0x1234;
  static constexpr Duration round_trip = std::chrono::milliseconds(20);

  explicit PullerFixture(std::uint64_t size = 100'000, std::uint32_t mtu = 1500, std::uint32_t max_mtu = 0)
      : path_(Path::Options{.mtu = mtu, .max_mtu = max_mtu}),
        surface_(test::pattern(size)),
        store_(test::published_store(test::manifest_of(size, 4096), surface_)) {
    begin();
  }

  const Manifest& manifest() const { return store_->manifest(); }
  std::uint16_t slice_bytes() const { return slice_bytes_for(manifest(), path_.slice_capacity()); }

  // A fresh engine on the same path.
  void begin() {
    engine_.reset();
    engine_.emplace(now_, PullerEngine::Options{manifest().id, pull_id, std::chrono::seconds(10)}, path_,
                    sink_);
  }

  // Everything that the engine sends now.
  std::vector<Bytes> sent() { return sent(*engine_); }
  std::vector<Bytes> sent(PullerEngine& engine) {
    std::vector<Bytes> all;
    Bytes buffer(PullerEngine::max_transmit_bytes);
    while (const std::size_t size = engine.poll_transmit(now_, buffer)) {
      all.emplace_back(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_TRUE(check_matches(all.back()));
      if (all.size() > 1000) {
        ADD_FAILURE() << "it does not stop sending";
        break;
      }
    }
    return all;
  }
  // The requests among it.
  std::vector<PullRequest> pulls_sent() { return pulls_sent(*engine_); }
  std::vector<PullRequest> pulls_sent(PullerEngine& engine) {
    std::vector<PullRequest> pulls;
    for (const Bytes& bytes : sent(engine))
      if (const auto pull = parse_pull(bytes)) pulls.push_back(*pull);
    return pulls;
  }
  std::optional<Hello> hello_sent() {
    for (const Bytes& bytes : sent())
      if (const auto hello = parse_hello(bytes)) return hello;
    return std::nullopt;
  }

  // To the time at which the engine wants to be called next, which is not the present.
  void wait() {
    const TimePoint next = engine_->poll_timeout(now_);
    ASSERT_NE(next, TimePoint::max());
    now_ = std::max(now_ + std::chrono::microseconds(1), next);
    engine_->handle_timeout(now_);
  }

  // Nothing that is asked for arrives, until this says so.
  template <class Done>
  void suffer_silence(Done done) {
    for (int i = 0; i < 10'000 && sink_.ends() == 0 && !done(); ++i) {
      for (PullRequest& pull : pulls_sent()) unanswered_.push_back(pull);
      if (!done()) wait();
    }
  }

  template <class Message>
  void receive(const Message& message) {
    engine_->handle_datagram(now_, test::datagram_of(message));
  }

  ManifestAnswer manifest_answer(const Hello& hello) const {
    ManifestAnswer answer{.pull_id = hello.pull_id,
                          .timestamp = hello.timestamp,
                          .final_size_known = true,
                          .cookie_lifetime_ms = 120'000,
                          .published = store_->published(),
                          .final_size = manifest().size,
                          .cookie = test::cookie_of(1)};
    core::encode_manifest(manifest(), answer.manifest);
    return answer;
  }
  // HELLO, a round trip, MANIFEST.
  void greet() {
    const auto hello = hello_sent();
    ASSERT_TRUE(hello);
    now_ += round_trip;
    receive(manifest_answer(*hello));
  }

  // The slices of a request and their ask numbers.
  static std::vector<std::pair<std::uint32_t, SliceId>> asks_of(const PullRequest& pull) {
    std::vector<std::pair<std::uint32_t, SliceId>> asks;
    std::uint32_t ask = pull.first_ask;
    for (const Run& run : pull.asked())
      for (std::uint32_t i = 0; i < run.count; ++i)
        asks.emplace_back(ask++, SliceId{run.chunk, static_cast<std::uint16_t>(run.first + i)});
    return asks;
  }
  Bytes data_for(std::uint32_t ask, const SliceId& slice, std::uint16_t length) const {
    const Data data{.pull_id = pull_id, .ask = ask, .chunk = slice.chunk, .slice = slice.slice};
    return test::data_datagram(data, test::slice_of(*store_, slice.chunk, slice.slice, length));
  }
  Bytes data_for(std::uint32_t ask, const SliceId& slice) const {
    return data_for(ask, slice, slice_bytes());
  }
  void receive_bytes(const Bytes& bytes) { engine_->handle_datagram(now_, bytes); }
  // As its driver does after a batch of datagrams.
  void settle() { (void)engine_->poll_timeout(now_); }
  // All that a request asks for arrives.
  void serve(const PullRequest& pull) {
    for (const auto& [ask, slice] : asks_of(pull)) receive_bytes(data_for(ask, slice, pull.slice_bytes));
    settle();
  }
  // Answers `round_trip` after it asks, for so long or until all is there, as a path without limits would;
  // those requests alone for which `arrives` says so.
  template <class Arrives>
  void run(Duration length, Arrives arrives) {
    for (const TimePoint end = now_ + length; now_ < end && !sink_.is_complete() && sink_.ends() == 0;) {
      for (const PullRequest& pull : pulls_sent())
        if (arrives(pull)) on_the_way_.emplace_back(now_ + round_trip, pull);
      TimePoint next = std::min(end, engine_->poll_timeout(now_));
      if (!on_the_way_.empty()) next = std::min(next, on_the_way_.front().first);
      now_ = std::max(now_ + std::chrono::microseconds(1), next);
      for (; !on_the_way_.empty() && on_the_way_.front().first <= now_; on_the_way_.pop_front())
        serve(on_the_way_.front().second);
      engine_->handle_timeout(now_);
    }
  }
  // Asks and serves, a round trip apart, until all is there.
  void fetch_all() {
    for (int round = 0; round < 1000 && !sink_.is_complete() && sink_.ends() == 0; ++round) {
      const auto pulls = pulls_sent();
      now_ += round_trip;
      for (const PullRequest& pull : pulls) serve(pull);
    }
    EXPECT_TRUE(sink_.is_complete());
    EXPECT_TRUE(std::ranges::equal(sink_.bytes(), surface_));
  }

  template <class Kind>
  std::size_t events() {
    return sink_.observer().count<Kind>();
  }

  TimePoint now_ = test::start_time;
  Path path_;
  const Bytes surface_;
  const std::shared_ptr<core::SurfaceStore> store_;
  test::MemorySink sink_;
  std::optional<PullerEngine> engine_;
  std::vector<PullRequest> unanswered_;
  std::deque<std::pair<TimePoint, PullRequest>> on_the_way_;
};

}  // namespace rgtp::packet
