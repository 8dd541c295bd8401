// An exposer's engine whose surface is still being written.
#include <set>

#include "packet/exposer_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class GrowingExposer : public ExposerFixture {
 protected:
  explicit GrowingExposer(const ExposerLimits& limits = {}) : ExposerFixture(limits) {}

  // Of this capacity, with nothing published.
  void grow(std::uint64_t capacity) {
    Manifest manifest = test::manifest_of(capacity);
    manifest.size_pending = true;
    auto region = core::HeapRegion::make(manifest.stored_bytes()).value();
    store_ = std::make_shared<core::SurfaceStore>(manifest, std::move(region));
    ASSERT_TRUE(engine_.add(store_, observer_));
  }
  void publish(std::uint32_t chunk) { test::publish(*store_, ChunkIndex{chunk}); }
  const SurfaceId& id() const { return store_->manifest().id; }
  Poll poll_for(WordRange words) {
    return {.pull_id = pull_id, .timestamp = 77, .words = words, .id = id(), .cookie = valid_cookie()};
  }

  std::shared_ptr<core::SurfaceStore> store_;
};

TEST_F(GrowingExposer, AnswersAPollWithOneAnnounce) {
  grow(100 * 4096);
  for (const std::uint32_t chunk : {3U, 64U, 99U}) publish(chunk);
  Poll poll = poll_for({0, 2});
  poll.published = 2;
  send(poll);
  now_ += 3ms;
  const auto sent = all_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].peer, puller_);
  EXPECT_EQ(sent[0].bytes.size(), announce_base_bytes + 2 * word_bytes);
  const auto announce = parse_announce(sent[0].bytes);
  ASSERT_TRUE(announce);
  EXPECT_EQ(announce->pull_id, pull_id);
  EXPECT_EQ(announce->timestamp, 77U);
  EXPECT_EQ(announce->service_delay, 300);
  EXPECT_EQ(announce->published_from, 2U);
  EXPECT_EQ(announce->published_to, 3U);
  EXPECT_EQ(announce->words, (WordRange{0, 2}));
  EXPECT_EQ(announce->bitmap[0], 0b1000U);
  EXPECT_EQ(announce->bitmap[1], std::uint64_t{1} << 35 | 1);
  EXPECT_FALSE(announce->final_size_known);
  EXPECT_EQ(observer_->count<event::DatagramReceived>(), 1U);
  EXPECT_EQ(observer_->count<event::DatagramSent>(), 1U);
}

TEST_F(GrowingExposer, TellsAllWhoWaitWithoutBeingCalledLater) {
  grow(10 * 4096);
  std::set<std::uint16_t> ports;
  for (std::uint16_t port = 1001; port <= 1005; ++port) {
    puller_.remote.port = port;
    send(poll_for({0, 1}));
    ports.insert(port);
  }
  EXPECT_EQ(all_sent().size(), 5U);
  now_ += 1s;
  publish(0);
  engine_.handle_growth(id());
  EXPECT_EQ(all_sent().size(), 5U);
  engine_.withdraw(id());
  EXPECT_TRUE(engine_.has_ends_to_tell());
  for (const Sent& sent : all_sent()) {
    EXPECT_EQ(parse_refuse(sent.bytes)->reason, Refusal::withdrawn);
    EXPECT_EQ(ports.erase(sent.peer.remote.port), 1U);
  }
  EXPECT_TRUE(ports.empty());
  EXPECT_FALSE(engine_.has_ends_to_tell());
}

TEST_F(GrowingExposer, TellsWhatIsThereWhenTheAnswerLeaves) {
  grow(10 * 4096);
  send(poll_for({0, 1}));
  publish(4);
  store_->set_final_size(5 * 4096);
  const auto announce = parse_announce(all_sent().at(0).bytes);
  ASSERT_TRUE(announce);
  EXPECT_EQ(announce->bitmap[0], 0b10000U);
  EXPECT_EQ(announce->final_size, 5 * 4096U);
}

TEST_F(GrowingExposer, AnswersAPollWithoutAValidCookieWithAnotherCookieAndNoMore) {
  grow(10 * 4096);
  for (const Cookie& cookie : {Cookie{}, test::cookie_of(3)}) {
    Poll poll = poll_for({0, 1});
    poll.cookie = cookie;
    const auto answer = only_answer_to(poll);
    EXPECT_LE(answer.size(), poll_bytes);
    const auto refuse = parse_refuse(answer);
    ASSERT_TRUE(refuse);
    EXPECT_EQ(refuse->reason, Refusal::retry);
    EXPECT_EQ(refuse->cookie, valid_cookie());
  }
}

TEST_F(GrowingExposer, DropsPollsThatAreDamagedOrForWordsBehindTheSurface) {
  grow(100 * 4096);
  auto bytes = test::datagram_of(poll_for({0, 1}));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] ^= std::byte{0x10};
    send_bytes(bytes);
    EXPECT_TRUE(all_sent().empty()) << at;
    bytes[at] ^= std::byte{0x10};
  }
  send(poll_for({1, 2}));
  send(poll_for({2, 1}));
  EXPECT_TRUE(all_sent().empty());
  EXPECT_EQ(observer_->count<event::DatagramDropped>(), 2U);
  EXPECT_TRUE(parse_announce(only_answer_to(poll_for({1, 1}))));
}

TEST_F(GrowingExposer, RefusesAPollForASurfaceThatItDoesNotHave) {
  grow(100 * 4096);
  Poll poll = poll_for({0, 1});
  poll.id = SurfaceId::random();
  EXPECT_EQ(reason_for(poll), Refusal::unknown);
}

TEST_F(GrowingExposer, ManifestSaysHowMuchIsThere) {
  grow(10 * 4096);
  publish(1);
  publish(7);
  auto answer = parse_manifest_answer(only_answer_to(hello_for(id())));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->published, 2U);
  EXPECT_FALSE(answer->final_size_known);
  store_->set_final_size(0);
  answer = parse_manifest_answer(only_answer_to(hello_for(id())));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->final_size_known);
  EXPECT_EQ(answer->final_size, 0U);
}

TEST_F(GrowingExposer, APullThatNamesUnpublishedChunksDrawsOneAnnounceAndTheRest) {
  grow(1000 * 4096);
  publish(1);
  publish(130);
  send(pull_for(
      id(),
      {{ChunkIndex{1}, 0, 1}, {ChunkIndex{129}, 0, 2}, {ChunkIndex{130}, 1, 1}, {ChunkIndex{7}, 0, 1}}));
  const auto sent = all_sent();
  ASSERT_EQ(sent.size(), 3U);
  const auto announce = parse_announce(sent[0].bytes);
  ASSERT_TRUE(announce);
  EXPECT_EQ(announce->timestamp, 77U);
  EXPECT_EQ(announce->published_from, 0U);
  EXPECT_EQ(announce->published_to, 2U);
  EXPECT_EQ(announce->words, (WordRange{2, 14}));
  EXPECT_EQ(announce->bitmap[0], 0b100U);
  const auto first = parse_data(sent[1].bytes);
  const auto second = parse_data(sent[2].bytes);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->ask, 500U);
  EXPECT_EQ(second->ask, 503U);
  EXPECT_EQ(second->chunk, ChunkIndex{130});
}

TEST_F(GrowingExposer, WhatAPullDrawsIsNoLongerThanItsData) {
  grow(20'000 * 4096ULL);
  PullRequest pull = pull_for(id(), {{ChunkIndex{0}, 0, 1}});
  for (const auto length : {std::uint16_t{512}, std::uint16_t{1000}, std::uint16_t{8968}}) {
    pull.slice_bytes = length;
    const auto bytes = only_answer_to(pull);
    EXPECT_TRUE(parse_announce(bytes));
    EXPECT_LE(bytes.size(), std::min<std::size_t>(header_bytes + length, max_announce_bytes));
    EXPECT_GT(bytes.size(), std::min<std::size_t>(header_bytes + length, max_announce_bytes) - word_bytes);
  }
}

TEST_F(GrowingExposer, NothingFollowsAHelloWhileTheSurfaceGrows) {
  grow(3 * 4096);
  Hello hello = hello_for(id());
  hello.cookie = valid_cookie();
  hello.slices_wanted = 5;
  publish(0);
  EXPECT_TRUE(parse_manifest_answer(only_answer_to(hello)));
  // Whole with two chunks: they follow, and no others.
  store_->set_final_size(4096 + 1);
  publish(1);
  hello.slices_wanted = 50;
  send(hello);
  auto sent = all_sent();
  EXPECT_EQ(sent.size(), 1U + 6);
}

TEST_F(GrowingExposer, RemembersThatASurfaceWasAborted) {
  grow(3 * 4096);
  store_->end(SurfaceState::aborted);
  engine_.withdraw(id());
  EXPECT_EQ(reason_for(poll_for({0, 1})), Refusal::aborted);
  EXPECT_EQ(reason_for(pull_for(id(), {{ChunkIndex{0}, 0, 1}})), Refusal::aborted);
  EXPECT_EQ(reason_for(hello_for(id())), Refusal::aborted);
  // One that was finished before is withdrawn.
  grow(3 * 4096);
  store_->end(SurfaceState::finished);
  engine_.withdraw(id());
  EXPECT_EQ(reason_for(poll_for({0, 1})), Refusal::withdrawn);
}

TEST_F(GrowingExposer, TellsWhoWaitsForAnAbortedSurfaceBeforeItIsWithdrawn) {
  grow(3 * 4096);
  publish(0);
  store_->end(SurfaceState::aborted);
  EXPECT_EQ(reason_for(poll_for({0, 1})), Refusal::aborted);
  EXPECT_EQ(reason_for(pull_for(id(), {{ChunkIndex{1}, 0, 1}})), Refusal::aborted);
  // What is there is served.
  EXPECT_TRUE(parse_data(only_answer_to(pull_for(id(), {{ChunkIndex{0}, 0, 1}}))));
}

TEST_F(GrowingExposer, TellsWhoPolledOfMoreUnasked) {
  grow(100 * 4096);
  Poll poll = poll_for({0, 2});
  poll.rtt_us = 20'000;
  const auto answer = parse_announce(only_answer_to(poll));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->subscribed);
  EXPECT_EQ(engine_.poll_timeout(), TimePoint::max());
  publish(70);
  engine_.handle_growth(id());
  EXPECT_TRUE(all_sent().empty());
  EXPECT_EQ(engine_.poll_timeout(), now_ + 5ms);
  now_ += 5ms;
  const auto sent = all_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].peer, puller_);
  const auto announce = parse_announce(sent[0].bytes);
  ASSERT_TRUE(announce);
  EXPECT_EQ(announce->pull_id, pull_id);
  EXPECT_EQ(announce->published_to, 1U);
  EXPECT_EQ(announce->words, (WordRange{0, 2}));
  EXPECT_EQ(announce->bitmap[1], 0b100'0000U);
  now_ += 1s;
  EXPECT_TRUE(all_sent().empty());
}

TEST_F(GrowingExposer, SubscribesNobodyWithoutAValidCookieOrToWhatIsFinished) {
  grow(10 * 4096);
  Poll poll = poll_for({0, 1});
  poll.cookie = test::cookie_of(3);
  send(poll);
  all_sent();
  store_->set_final_size(0);
  store_->end(SurfaceState::finished);
  const auto answer = parse_announce(only_answer_to(poll_for({0, 1})));
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->subscribed);
  engine_.handle_growth(id());
  now_ += 1s;
  EXPECT_TRUE(all_sent().empty());
}

TEST_F(GrowingExposer, TellsWhoWaitsOfTheEndUnasked) {
  for (const SurfaceState state : {SurfaceState::aborted, SurfaceState::finished}) {
    grow(3 * 4096);
    send(poll_for({0, 1}));
    all_sent();
    store_->end(state);
    engine_.withdraw(id());
    now_ += 1ms;
    const auto sent = all_sent();
    ASSERT_EQ(sent.size(), 1U);
    const auto refuse = parse_refuse(sent[0].bytes);
    ASSERT_TRUE(refuse);
    EXPECT_EQ(refuse->reason, state == SurfaceState::aborted ? Refusal::aborted : Refusal::withdrawn);
  }
}

TEST_F(GrowingExposer, AWithdrawalDropsAnnouncesThatWait) {
  grow(3 * 4096);
  send(poll_for({0, 1}));
  engine_.withdraw(id());
  EXPECT_EQ(store_.use_count(), 1);
  const auto sent = all_sent();
  ASSERT_EQ(sent.size(), 1U) << "that it was withdrawn";
  EXPECT_TRUE(parse_refuse(sent[0].bytes));
}

class SmallGrowingExposer : public GrowingExposer {
 protected:
  SmallGrowingExposer() : GrowingExposer({.waiting_answers = 3, .slice_capacity = 600}) {}
};

TEST_F(SmallGrowingExposer, FewAnnouncesWait) {
  grow(3 * 4096);
  for (int i = 0; i < 10; ++i) send(poll_for({0, 1}));
  EXPECT_EQ(all_sent().size(), 3U);
}

TEST_F(SmallGrowingExposer, RefusesPollsWhoseAnswersItsNetworkDoesNotCarry) {
  grow(20'000 * 4096ULL);
  // 600 bytes and DATA's header are 64 bytes and 71 words.
  const auto refuse = refusal_of(poll_for({0, 72}));
  ASSERT_TRUE(refuse);
  EXPECT_EQ(refuse->reason, Refusal::slice_too_large);
  EXPECT_EQ(refuse->value, 600U);
  EXPECT_EQ(only_answer_to(poll_for({0, 71})).size(), header_bytes + 600U);
}

TEST_F(SmallGrowingExposer, AnAnnounceThatThePathDoesNotTakeIsRefusedInItsStead) {
  grow(20'000 * 4096ULL);
  send(poll_for({0, 71}));
  ASSERT_EQ(next_train().size(), 1U);
  engine_.handle_too_large(now_, train_);
  const auto sent = all_sent();
  ASSERT_EQ(sent.size(), 1U);
  const auto refuse = parse_refuse(sent[0].bytes);
  ASSERT_TRUE(refuse);
  EXPECT_EQ(refuse->reason, Refusal::slice_too_large);
  EXPECT_EQ(refuse->pull_id, pull_id);
  EXPECT_EQ(refuse->timestamp, 77U);
  EXPECT_EQ(refuse->value, 512U);
}

}  // namespace
}  // namespace rgtp::packet
