// What an exposer's engine does not do: give more than it gets to strangers, queue without end, or wait for a
// disk.
#include "packet/exposer_fixture.h"
#include "support/regions.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

using ExposerBudget = ExposerFixture;

TEST_F(ExposerBudget, StrangersNeverGetMoreBytesThanTheySend) {
  const auto store = expose(100'000);
  const SurfaceId known = store->manifest().id;
  const SurfaceId unknown = SurfaceId::random();
  std::size_t received = 0;
  const auto offer = [&](const Peer& peer, std::vector<std::byte> bytes) {
    received += bytes.size();
    engine_.handle_datagram(now_, peer, bytes);
    std::size_t sent = 0;
    for (const Sent& one : all_sent()) sent += one.bytes.size();
    EXPECT_LE(sent, bytes.size());
  };
  for (std::uint16_t port = 1; port < 200; ++port) {
    const Peer peer = test::peer_of("198.51.100.7", port);
    for (const SurfaceId& id : {known, unknown}) {
      Hello hello = hello_for(id);
      hello.slices_wanted = 64;
      offer(peer, test::datagram_of(hello));
      hello.cookie = test::cookie_of(port);
      offer(peer, test::datagram_of(hello));
      hello.version_min = hello.version_max = 7;
      offer(peer, test::datagram_of(hello));
      auto other_version = test::datagram_of(hello);
      other_version[2] = std::byte{9};
      offer(peer, other_version);
      PullRequest pull = pull_for(id, {{ChunkIndex{0}, 0, 5}});
      pull.cookie = test::cookie_of(port);
      offer(peer, test::datagram_of(pull));
    }
    now_ += 100ms;
  }
  EXPECT_GT(received, 0U);
}

TEST_F(ExposerBudget, RefusesStrangersOfOnePrefixTenTimesASecond) {
  std::size_t refused = 0;
  const auto ask = [&] {
    for (std::uint16_t port = 1; port <= 100; ++port)
      engine_.handle_datagram(now_, test::peer_of("198.51.100.7", port),
                              test::datagram_of(hello_for(SurfaceId::random())));
    refused = all_sent().size();
  };
  ask();
  EXPECT_EQ(refused, 10U);
  now_ += 1s;
  ask();
  EXPECT_EQ(refused, 10U);
}

TEST_F(ExposerBudget, RefusesThoseWithACookieApart) {
  for (int i = 0; i < 100; ++i) send(hello_for(SurfaceId::random()));
  EXPECT_EQ(all_sent().size(), 10U);
  EXPECT_EQ(reason_for(pull_for(SurfaceId::random(), {{ChunkIndex{0}, 0, 1}})), Refusal::unknown);
}

class ExposerLists : public ExposerFixture {
 protected:
  ExposerLists()
      : ExposerFixture(ExposerLimits{.waiting_answer_bytes = 20'000,
                                     .blocked_requests = 2,
                                     .waiting_answers = 3,
                                     .remembered_withdrawals = 2,
                                     .slice_capacity = 2000}) {}

  void send_blocked(std::uint16_t slice) {
    send(pull_for(file_store_->manifest().id, {{ChunkIndex{1}, slice, 1}}));
  }
  void expose_file() {
    const Manifest manifest = test::manifest_of(10'000);
    region_ = std::make_shared<test::FakeFileRegion>(test::pattern(10'000));
    file_store_ = std::make_shared<core::SurfaceStore>(manifest, region_);
    const auto bytes = test::pattern(10'000);
    for (std::uint32_t chunk = 0; chunk < manifest.chunk_count(); ++chunk)
      file_store_->publish(
          ChunkIndex{chunk},
          core::chunk_tag(ChunkIndex{chunk}, test::chunk_of(manifest, ChunkIndex{chunk}, bytes)));
    ASSERT_TRUE(engine_.add(file_store_, observer_));
  }

  std::shared_ptr<test::FakeFileRegion> region_;
  std::shared_ptr<core::SurfaceStore> file_store_;
};

TEST_F(ExposerLists, DropsRequestsWhoseAnswersAreTooMany) {
  const auto store = expose(10'000);
  // 5 x 1,032 = 5,160 bytes each: three of them fit into 20,000.
  for (int i = 0; i < 10; ++i) send(pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 5}}));
  EXPECT_EQ(observer_->count<event::RequestOverflow>(), 7U);
  EXPECT_EQ(observer_->all<event::RequestOverflow>()[0].slices, 5U);
  // One REFUSE(busy), and three trains.
  EXPECT_EQ(all_sent().size(), 1U + 15U);
  send(pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 5}}));
  EXPECT_EQ(all_sent().size(), 5U);
}

TEST_F(ExposerLists, DropsAnswersThatAreTooMany) {
  const auto store = expose(10'000);
  for (int i = 0; i < 10; ++i) send(hello_for(store->manifest().id));
  EXPECT_EQ(all_sent().size(), 3U);
}

TEST_F(ExposerLists, ForgetsTheOldestWithdrawal) {
  std::vector<SurfaceId> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(expose(10'000)->manifest().id);
    engine_.withdraw(ids.back());
  }
  EXPECT_EQ(reason_for(hello_for(ids[0])), Refusal::unknown);
  EXPECT_EQ(reason_for(hello_for(ids[1])), Refusal::withdrawn);
  EXPECT_EQ(reason_for(hello_for(ids[2])), Refusal::withdrawn);
}

TEST_F(ExposerLists, NamesTheLongestSliceThatItsNetworkCarries) {
  const auto store = expose(10'000);
  PullRequest pull = pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 1}});
  pull.slice_bytes = 2001;
  const auto refuse = refusal_of(pull);
  ASSERT_TRUE(refuse);
  EXPECT_EQ(refuse->reason, Refusal::slice_too_large);
  EXPECT_EQ(refuse->value, 2000U);
  pull.slice_bytes = 2000;
  EXPECT_TRUE(parse_data(only_answer_to(pull)));
}

TEST_F(ExposerLists, FollowsAHelloWithSlicesThatItsNetworkCarries) {
  const auto store = expose(10'000);
  Hello hello = hello_for(store->manifest().id);
  hello.slice_capacity = max_slice_bytes;
  hello.cookie = valid_cookie();
  hello.slices_wanted = 1;
  send(hello);
  const auto sent = all_sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_LE(sent[1].bytes.size(), header_bytes + 2000U);
}

TEST_F(ExposerLists, ATrainThatThePathDoesNotTakeIsRefusedInItsStead) {
  const auto store = expose(10'000);
  // A quarter less each time, at most what every path carries, and below the least only after the least.
  for (const auto& [length, shorter] :
       {std::pair{1900, 1120U}, {1120, 840U}, {840, 630U}, {630, 512U}, {513, 512U}, {512, 384U}}) {
    PullRequest pull = pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 2}});
    pull.slice_bytes = static_cast<std::uint16_t>(length);
    send(pull);
    ASSERT_EQ(next_train().size(), 2U);
    engine_.handle_too_large(now_, train_);
    const auto sent = all_sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].peer, puller_);
    const auto refuse = parse_refuse(sent[0].bytes);
    ASSERT_TRUE(refuse);
    EXPECT_EQ(refuse->reason, Refusal::slice_too_large);
    EXPECT_EQ(refuse->pull_id, pull_id);
    EXPECT_EQ(refuse->timestamp, 77U);
    EXPECT_EQ(refuse->value, shorter) << length;
  }
}

TEST_F(ExposerLists, AManifestThatThePathDoesNotTakeIsNotAnswered) {
  send(hello_for(expose(10'000)->manifest().id));
  ASSERT_EQ(next_train().size(), 1U);
  engine_.handle_too_large(now_, train_);
  EXPECT_TRUE(all_sent().empty());
}

TEST_F(ExposerLists, ServesAFileThatIsCachedAtOnce) {
  expose_file();
  send_blocked(2);
  const auto sent = next_train();
  ASSERT_EQ(sent.size(), 1U);
  const auto payload = test::slice_of(*file_store_, ChunkIndex{1}, 2, slice_bytes);
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), sent[0].bytes.begin() + header_bytes));
  EXPECT_FALSE(engine_.poll_read());
}

TEST_F(ExposerLists, AFileIsReadOnAnotherThreadWhileOthersAreServed) {
  expose_file();
  const auto memory = expose(10'000);
  region_->evict();
  send_blocked(2);
  send(pull_for(memory->manifest().id, {{ChunkIndex{0}, 0, 3}}));
  EXPECT_EQ(all_sent().size(), 3U);
  EXPECT_EQ(region_->blocking_reads(), 0);

  auto read = engine_.poll_read();
  ASSERT_TRUE(read);
  EXPECT_FALSE(engine_.poll_read());
  read->read_ahead();
  EXPECT_EQ(region_->blocking_reads(), 1);
  EXPECT_TRUE(all_sent().empty());
  now_ += 3ms;
  engine_.handle_read_done(now_, std::move(*read));
  const auto sent = all_sent();
  ASSERT_EQ(sent.size(), 1U);
  const auto data = parse_data(sent[0].bytes);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->chunk, ChunkIndex{1});
  EXPECT_EQ(data->slice, 2);
  EXPECT_EQ(data->service_delay, 300);
}

TEST_F(ExposerLists, FewRequestsWaitForADisk) {
  expose_file();
  region_->evict();
  for (std::uint16_t slice = 0; slice < 5; ++slice) send_blocked(slice);
  // One REFUSE(busy) for all that had no room.
  EXPECT_EQ(parse_refuse(all_sent().at(0).bytes)->reason, Refusal::busy);
  EXPECT_EQ(observer_->count<event::RequestOverflow>(), 3U);
  auto first = engine_.poll_read();
  ASSERT_TRUE(first);
  // One is being read and one waits: no more than two in all.
  send_blocked(0);
  EXPECT_TRUE(all_sent().empty());
  auto second = engine_.poll_read();
  ASSERT_TRUE(second);
  EXPECT_FALSE(engine_.poll_read());
  first->read_ahead();
  engine_.handle_read_done(now_, std::move(*first));
  EXPECT_EQ(all_sent().size(), 1U);
  engine_.handle_read_done(now_, std::move(*second));
  EXPECT_EQ(all_sent().size(), 1U);
  region_->evict();
  send_blocked(0);
  EXPECT_TRUE(all_sent().empty());
  EXPECT_TRUE(engine_.poll_read());
}

TEST_F(ExposerLists, TheTimeThatAReadTookDoesNotMakeARequestOld) {
  expose_file();
  const auto memory = expose(10'000);
  region_->evict();
  send_blocked(0);
  EXPECT_TRUE(all_sent().empty());
  auto read = engine_.poll_read();
  ASSERT_TRUE(read);
  // The exposer is at work on others all the time.
  for (int i = 0; i < 2; ++i) send(pull_for(memory->manifest().id, {{ChunkIndex{0}, 0, 1}}));
  EXPECT_EQ(next_train().size(), 1U);
  now_ += 4ms;
  send(pull_for(memory->manifest().id, {{ChunkIndex{0}, 0, 1}}));
  EXPECT_EQ(next_train().size(), 1U);
  now_ += 4ms;
  read->read_ahead();
  engine_.handle_read_done(now_, std::move(*read));
  const auto sent = all_sent();
  EXPECT_EQ(sent.size(), 2U);
  EXPECT_EQ(parse_data(sent.back().bytes)->service_delay, 800);
  EXPECT_EQ(observer_->count<event::RequestOverflow>(), 0U);
}

TEST_F(ExposerLists, WithdrawalDropsWhatWaitsForADisk) {
  expose_file();
  region_->evict();
  send_blocked(0);
  send_blocked(1);
  EXPECT_TRUE(all_sent().empty());
  auto read = engine_.poll_read();
  ASSERT_TRUE(read);
  engine_.withdraw(file_store_->manifest().id);
  EXPECT_FALSE(engine_.poll_read());
  read->read_ahead();
  engine_.handle_read_done(now_, std::move(*read));
  EXPECT_TRUE(all_sent().empty());
}

TEST_F(ExposerLists, ARequestThatWaitedForADiskIsNotAnsweredFromAnotherStoreOfTheSameId) {
  expose_file();
  region_->evict();
  send_blocked(0);
  EXPECT_TRUE(all_sent().empty());
  auto read = engine_.poll_read();
  ASSERT_TRUE(read);
  const Manifest manifest = file_store_->manifest();
  engine_.withdraw(manifest.id);
  ASSERT_TRUE(engine_.add(test::published_store(manifest, test::pattern(10'000, 1)), observer_));
  read->read_ahead();
  engine_.handle_read_done(now_, std::move(*read));
  EXPECT_TRUE(all_sent().empty());
}

TEST_F(ExposerLists, SaysThatTheSourceChanged) {
  expose_file();
  region_->change();
  EXPECT_EQ(reason_for(pull_for(file_store_->manifest().id, {{ChunkIndex{0}, 0, 1}})),
            Refusal::source_changed);
}

TEST_F(ExposerLists, SaysThatTheSourceChangedWhileItIsRead) {
  expose_file();
  region_->fail_reads(Errc::source_changed);
  EXPECT_EQ(reason_for(pull_for(file_store_->manifest().id, {{ChunkIndex{0}, 0, 1}})),
            Refusal::source_changed);
}

TEST_F(ExposerLists, SaysThatTheSourceFailed) {
  expose_file();
  region_->fail_reads(Errc::io_error);
  EXPECT_EQ(reason_for(pull_for(file_store_->manifest().id, {{ChunkIndex{0}, 0, 1}})), Refusal::aborted);
}

// HELLO needs no cookie: a flood of it fills the list of answers as fast as that is emptied.
TEST_F(ExposerLists, AFloodOfGreetingsDoesNotKeepDataFromWhoIsKnown) {
  const SurfaceId id = expose(100'000)->manifest().id;
  const auto flood = [&] {
    for (int i = 0; i < 500; ++i)
      engine_.handle_datagram(now_, test::peer_of("203.0.113." + std::to_string(i % 250), 1000),
                              test::datagram_of(hello_for(id)));
  };
  flood();
  send(pull_for(id, {{ChunkIndex{0}, 0, 5}}));
  bool has_data = false;
  for (int turn = 0; turn < 2 && !has_data; ++turn) {
    flood();
    for (const Sent& one : next_train()) has_data = has_data || parse_data(one.bytes);
  }
  EXPECT_TRUE(has_data);
}

TEST_F(ExposerLists, StrangersAreGreetedSoManyTimesASecondAndWhoIsKnownAlways) {
  const SurfaceId id = expose(100'000)->manifest().id;
  std::uint32_t answered = 0;
  for (std::uint32_t i = 0; i < RefusalBudget::greetings_per_prefix + 100; ++i) {
    send(hello_for(id));
    answered += static_cast<std::uint32_t>(all_sent().size());
  }
  EXPECT_EQ(answered, RefusalBudget::greetings_per_prefix);
  Hello known = hello_for(id);
  known.cookie = valid_cookie();
  EXPECT_TRUE(parse_manifest_answer(only_answer_to(known)));
  now_ += std::chrono::seconds(1);
  EXPECT_TRUE(parse_manifest_answer(only_answer_to(hello_for(id))));
}

}  // namespace
}  // namespace rgtp::packet
