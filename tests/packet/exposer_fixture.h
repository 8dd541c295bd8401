// An exposer's engine that is driven by hand.
#pragma once

#include <gtest/gtest.h>

#include "packet/exposer_engine.h"
#include "packet/slicing.h"
#include "support/datagrams.h"
#include "support/observers.h"
#include "support/pattern.h"

namespace rgtp::packet {

class ExposerFixture : public testing::Test {
 protected:
  using Run = packet::Run;  // not testing::Test::Run()

  struct Sent {
    Peer peer;
    std::vector<std::byte> bytes;
  };

  static constexpr std::uint64_t pull_id = 0x1234;
  static constexpr std::uint16_t slice_bytes = 1000;
  static constexpr std::array<std::byte, 32> secret{};

  explicit ExposerFixture(const ExposerLimits& limits = {}) : engine_(secret, limits) {}

  std::shared_ptr<core::SurfaceStore> expose(std::uint64_t size, std::uint32_t chunk_bytes = 4096) {
    auto store = test::published_store(test::manifest_of(size, chunk_bytes), test::pattern(size));
    EXPECT_TRUE(engine_.add(store, observer_));
    return store;
  }

  // The cookie that this engine gives to `peer` at `now_`: the jar has the same secret.
  Cookie valid_cookie(const Peer& peer) { return CookieJar(secret).make(peer.remote, now_); }
  Cookie valid_cookie() { return valid_cookie(puller_); }

  static Hello hello_for(const SurfaceId& id) {
    return {.pull_id = pull_id, .timestamp = 77, .slice_capacity = 1440, .id = id};
  }
  PullRequest pull_for(const SurfaceId& id, const std::vector<Run>& runs) {
    PullRequest pull{.pull_id = pull_id,
                     .timestamp = 77,
                     .first_ask = 500,
                     .slice_bytes = slice_bytes,
                     .run_count = static_cast<std::uint16_t>(runs.size()),
                     .id = id,
                     .cookie = valid_cookie()};
    std::ranges::copy(runs, pull.runs.begin());
    return pull;
  }

  template <class Message>
  void send(const Message& message) {
    send_bytes(test::datagram_of(message));
  }
  void send_bytes(std::span<const std::byte> bytes) { engine_.handle_datagram(now_, puller_, bytes); }

  // The datagrams of the next train; none where there is nothing to send.
  std::vector<Sent> next_train() {
    std::vector<Sent> sent;
    if (!engine_.poll_transmit(now_, train_)) return sent;
    for (const Train::Datagram& datagram : train_.datagrams()) {
      Sent& one = sent.emplace_back(Sent{train_.peer(), {}});
      one.bytes.assign(datagram.header.begin(), datagram.header.end());
      one.bytes.insert(one.bytes.end(), datagram.payload.begin(), datagram.payload.end());
      EXPECT_TRUE(check_matches(one.bytes));
    }
    return sent;
  }
  std::vector<Sent> all_sent() {
    std::vector<Sent> all;
    for (auto train = next_train(); !train.empty(); train = next_train())
      all.insert(all.end(), train.begin(), train.end());
    return all;
  }

  // What a message is answered with, which is one datagram.
  template <class Message>
  std::vector<std::byte> only_answer_to(const Message& message) {
    send(message);
    const auto sent = all_sent();
    EXPECT_EQ(sent.size(), 1U);
    return sent.empty() ? std::vector<std::byte>{} : sent.front().bytes;
  }
  template <class Message>
  std::optional<Refuse> refusal_of(const Message& message) {
    return parse_refuse(only_answer_to(message));
  }
  // The reason alone; nothing where the answer is no REFUSE.
  template <class Message>
  std::optional<Refusal> reason_for(const Message& message) {
    const auto refuse = refusal_of(message);
    if (!refuse) return std::nullopt;
    EXPECT_EQ(refuse->pull_id, pull_id);
    EXPECT_EQ(refuse->timestamp, 77U);
    return refuse->reason;
  }

  std::shared_ptr<test::RecordingObserver> observer_ = std::make_shared<test::RecordingObserver>();
  TimePoint now_ = test::start_time;
  Peer puller_ = test::peer_of("198.51.100.7");
  ExposerEngine engine_;
  Train train_;
};

}  // namespace rgtp::packet
