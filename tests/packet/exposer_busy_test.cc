// What an exposer does with more than it can serve: it keeps its list short, lets nobody lock others out, and
// says when to ask again.
#include <map>
#include <random>

#include "packet/exposer_fixture.h"
#include "support/regions.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class BusyExposer : public ExposerFixture {
 protected:
  explicit BusyExposer(const ExposerLimits& limits = {.waiting_answer_bytes = 20'000})
      : ExposerFixture(limits) {}

  // 5 slices of 1,032 bytes: three of them fit into 20,000.
  void ask(const Peer& peer, std::uint64_t id = pull_id) {
    PullRequest pull = pull_for(store_->manifest().id, {{ChunkIndex{0}, 0, 5}});
    pull.pull_id = id;
    pull.cookie = valid_cookie(peer);
    engine_.handle_datagram(now_, peer, test::datagram_of(pull));
  }
  static std::vector<Refuse> refusals_in(const std::vector<Sent>& sent) {
    std::vector<Refuse> refusals;
    for (const Sent& one : sent)
      if (const auto refuse = parse_refuse(one.bytes)) refusals.push_back(*refuse);
    return refusals;
  }

  const std::shared_ptr<core::SurfaceStore> store_ = expose(10'000);
  const Peer other_ = test::peer_of("203.0.113.1");
};

TEST_F(BusyExposer, TellsWhoIsNotServed) {
  for (std::uint64_t id = 0; id < 4; ++id) ask(puller_, id);
  EXPECT_EQ(observer_->count<event::RequestOverflow>(), 1U);
  const auto sent = next_train();
  const auto refusals = refusals_in(sent);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(sent[0].peer, puller_);
  EXPECT_LE(sent[0].bytes.size(), pull_base_bytes + run_bytes);
  EXPECT_EQ(refusals[0].reason, Refusal::busy);
  EXPECT_EQ(refusals[0].pull_id, 3U);
  EXPECT_EQ(refusals[0].timestamp, 77U);
  EXPECT_EQ(refusals[0].value, 1U);
}

TEST_F(BusyExposer, TellsAPullerOnceInFiveMilliseconds) {
  for (int i = 0; i < 100; ++i) ask(puller_);
  for (int i = 0; i < 100; ++i) ask(other_);
  EXPECT_EQ(refusals_in(all_sent()).size(), 2U);
  now_ += 4999us;
  for (int i = 0; i < 100; ++i) ask(puller_);
  EXPECT_TRUE(refusals_in(all_sent()).empty());
  now_ += 1us;
  for (int i = 0; i < 100; ++i) ask(puller_);
  EXPECT_EQ(refusals_in(all_sent()).size(), 1U);
}

TEST_F(BusyExposer, SaysHowLongWhatWaitsWillTake) {
  // 5,160 bytes a millisecond, and up to three times as much waits.
  std::vector<Refuse> refusals;
  for (int i = 0; i < 100; ++i) {
    ask(puller_);
    ask(puller_);
    for (auto train = next_train(); train.size() == 1; train = next_train())
      refusals.push_back(parse_refuse(train[0].bytes).value());
    now_ += 1ms;
  }
  EXPECT_GE(refusals.size(), 15U);
  EXPECT_EQ(refusals.back().value, 3U);
}

TEST_F(BusyExposer, AFloodDoesNotLockOthersOut) {
  for (int i = 0; i < 100; ++i) ask(puller_);
  ask(other_);
  std::size_t served = 0;
  for (const Sent& one : all_sent()) served += one.peer == other_ && parse_data(one.bytes) ? 1U : 0U;
  EXPECT_EQ(served, 5U);
}

TEST_F(BusyExposer, ADisplacedRequestIsToldToItsOwnPuller) {
  for (std::uint64_t id = 0; id < 3; ++id) ask(puller_, id);
  ask(other_, 9);
  const auto sent = next_train();
  ASSERT_EQ(refusals_in(sent).size(), 1U);
  EXPECT_EQ(sent[0].peer, puller_);
  EXPECT_EQ(refusals_in(sent)[0].pull_id, 2U);
}

TEST_F(BusyExposer, DropsRequestsThatAreOlderThanFiveMillisecondsOnceItIsAtThem) {
  for (std::uint64_t id = 0; id < 3; ++id) ask(puller_, id);
  EXPECT_EQ(next_train().size(), 5U);
  now_ += 4ms;
  ask(other_, 7);
  now_ += 1001us;
  const auto sent = all_sent();
  const auto refusals = refusals_in(sent);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].reason, Refusal::busy);
  EXPECT_EQ(observer_->count<event::RequestOverflow>(), 2U);
  std::size_t served = 0;
  for (const Sent& one : sent) {
    if (!parse_data(one.bytes)) continue;
    EXPECT_EQ(one.peer, other_);
    ++served;
  }
  EXPECT_EQ(served, 5U);
}

TEST_F(BusyExposer, ServesRequestsThatAreFiveMillisecondsOld) {
  for (int i = 0; i < 3; ++i) ask(puller_);
  EXPECT_EQ(next_train().size(), 5U);
  now_ += 5ms;
  EXPECT_EQ(all_sent().size(), 10U);
}

TEST_F(BusyExposer, AProcessThatSleptServesWhatCameMeanwhile) {
  for (int i = 0; i < 3; ++i) ask(puller_);
  now_ += 1s;
  EXPECT_EQ(all_sent().size(), 15U);
  EXPECT_EQ(observer_->count<event::RequestOverflow>(), 0U);
}

TEST_F(BusyExposer, WhatIsNotAskedForStaysInTheList) {
  // A socket that takes no more: nobody polls.
  for (int i = 0; i < 3; ++i) ask(puller_);
  EXPECT_EQ(next_train().size(), 5U);
  now_ += 3ms;
  EXPECT_TRUE(engine_.has_work());
  EXPECT_EQ(all_sent().size(), 10U);
}

TEST_F(BusyExposer, AWithdrawnSurfaceIsHeldByNothingThatWaited) {
  for (int i = 0; i < 10; ++i) ask(puller_);
  ask(other_);
  engine_.withdraw(store_->manifest().id);
  EXPECT_EQ(store_.use_count(), 1);
}

class ExposerOfARate : public BusyExposer {
 protected:
  explicit ExposerOfARate(const ExposerLimits& limits = {}) : BusyExposer(limits) {}

  // Bytes of answers that wait in a full list where a train takes so long.
  std::size_t waiting_at(Duration a_train) {
    for (int i = 0; i < 2000; ++i) {
      ask(puller_);
      ask(other_);
      (void)next_train();
      now_ += a_train;
    }
    for (int i = 0; i < 10'000; ++i) ask(other_);
    std::size_t bytes = 0;
    for (const Sent& one : all_sent())
      if (parse_data(one.bytes)) bytes += one.bytes.size();
    return bytes;
  }
};

TEST_F(ExposerOfARate, LetsTwoMillisecondsOfItsOutputWait) {
  // 5,160 bytes in 5 microseconds.
  EXPECT_NEAR(static_cast<double>(waiting_at(5us)), 2 * 1.032e6, 50'000);
}

TEST_F(ExposerOfARate, LetsAQuarterOfAMebibyteWaitWhereItIsSlow) {
  const std::size_t bytes = waiting_at(1ms);
  EXPECT_LE(bytes, 256U * 1024);
  EXPECT_GT(bytes, 200'000U);
}

class ExposerOfAHighRate : public ExposerOfARate {
 protected:
  ExposerOfAHighRate() : ExposerOfARate({.most_waiting_answer_bytes = 500'000}) {}
};

TEST_F(ExposerOfAHighRate, LetsNoMoreWaitThanItsLimit) {
  const std::size_t bytes = waiting_at(5us);
  EXPECT_LE(bytes, 500'000U);
  EXPECT_GT(bytes, 450'000U);
}

class ExposerOfALimit : public BusyExposer {
 protected:
  ExposerOfALimit() : BusyExposer({.prefix_bytes_per_second = 100'000}) {}
};

TEST_F(ExposerOfALimit, RefusesAPrefixThatHasDrawnItsBytes) {
  std::size_t bytes = 0;
  std::size_t refusals = 0;
  for (int i = 0; i < 2000; ++i, now_ += 1ms) {
    const Peer peer = test::peer_of("198.51.100." + std::to_string(i % 200));
    ask(peer);
    const auto sent = all_sent();
    for (const Sent& one : sent) bytes += one.bytes.size();
    const auto refused = refusals_in(sent);
    refusals += refused.size();
    for (const Refuse& refuse : refused) EXPECT_EQ(refuse.reason, Refusal::busy);
  }
  // 2 s, a burst of a tenth, a train, and the refusals themselves.
  EXPECT_LE(bytes, 220'000U);
  EXPECT_GE(bytes, 200'000U);
  EXPECT_GT(refusals, 1000U);
  ask(other_);
  EXPECT_EQ(all_sent().size(), 5U);
}

// Whatever a stranger sends, in whatever order, it draws no more than that.
TEST_F(BusyExposer, StrangersDrawNoMoreBytesThanTheySendEvenWhereOthersAreRefused) {
  std::mt19937 random(3);
  std::map<std::uint16_t, std::pair<std::size_t, std::size_t>> strangers;  // bytes received and sent
  for (int i = 0; i < 20'000; ++i) {
    ask(other_);
    const auto port = static_cast<std::uint16_t>(1 + random() % 50);
    const Peer stranger = test::peer_of("198.51." + std::to_string(port) + ".7", port);
    const SurfaceId id = random() % 3 == 0 ? SurfaceId::random() : store_->manifest().id;
    const Cookie cookie = random() % 2 == 0 ? Cookie{} : test::cookie_of(static_cast<unsigned>(random()));
    std::vector<std::byte> bytes;
    switch (random() % 3) {
      case 0: {
        Hello hello = hello_for(id);
        hello.cookie = cookie;
        hello.slices_wanted = static_cast<std::uint32_t>(random() % 65);
        bytes = test::datagram_of(hello);
        if (random() % 8 == 0) bytes[2] = std::byte{7};
        break;
      }
      case 1: {
        PullRequest pull = pull_for(id, {{ChunkIndex{0}, 0, 5}});
        pull.cookie = cookie;
        bytes = test::datagram_of(pull);
        break;
      }
      default:
        bytes = test::datagram_of(Poll{.pull_id = pull_id,
                                       .words = {0, static_cast<std::uint16_t>(1 + random() % 142)},
                                       .id = id,
                                       .cookie = cookie});
    }
    strangers[port].first += bytes.size();
    engine_.handle_datagram(now_, stranger, bytes);
    if (random() % 4 == 0)
      for (const Sent& one : all_sent())
        if (one.peer.remote != other_.remote) strangers[one.peer.remote.port].second += one.bytes.size();
    for (const auto& [_, account] : strangers) ASSERT_LE(account.second, account.first);
    now_ += std::chrono::microseconds(random() % 3000);
  }
}

}  // namespace
}  // namespace rgtp::packet
