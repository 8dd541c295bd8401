#include "packet/exposer_engine.h"

#include "packet/exposer_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class ExposerEngineTest : public ExposerFixture {
 protected:
  // That these are DATA for the slices of `runs` in turn, byte for byte.
  void expect_data(const std::vector<Sent>& sent, const Store& store, const std::vector<Run>& runs,
                   std::uint32_t first_ask, std::uint16_t slice_length) {
    std::size_t at = 0;
    for (const Run& run : runs)
      for (std::uint32_t slice = run.first; slice < std::uint32_t{run.first} + run.count; ++slice, ++at) {
        ASSERT_LT(at, sent.size());
        const Data data{.pull_id = pull_id,
                        .ask = first_ask + static_cast<std::uint32_t>(at),
                        .timestamp = 77,
                        .chunk = run.chunk,
                        .slice = static_cast<std::uint16_t>(slice)};
        const auto payload = test::slice_of(store, run.chunk, slice, slice_length);
        EXPECT_EQ(sent[at].bytes, test::data_datagram(data, payload)) << "slice " << slice;
        EXPECT_EQ(sent[at].peer, puller_);
      }
    EXPECT_EQ(sent.size(), at);
  }
};

TEST_F(ExposerEngineTest, AnswersHelloWithManifestAndCookie) {
  const auto store = expose(10'000);
  now_ += 20s;
  const auto bytes = only_answer_to(hello_for(store->manifest().id));
  const auto answer = parse_manifest_answer(bytes);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->pull_id, pull_id);
  EXPECT_EQ(answer->timestamp, 77U);
  EXPECT_EQ(core::parse_manifest(answer->manifest), store->manifest());
  EXPECT_EQ(answer->cookie, valid_cookie());
  EXPECT_EQ(answer->cookie_lifetime_ms, 100'000U);
  EXPECT_EQ(answer->published, 3U);
  EXPECT_TRUE(answer->final_size_known);
  EXPECT_EQ(answer->final_size, 10'000U);
}

TEST_F(ExposerEngineTest, AnswersFromTheAddressThatWasAsked) {
  const auto store = expose(10'000);
  send(hello_for(store->manifest().id));
  send(pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 1}}));
  const auto sent = all_sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].peer, puller_);
  EXPECT_EQ(sent[1].peer, puller_);
}

TEST_F(ExposerEngineTest, AnswersPullWithTheseBytes) {
  const auto store = expose(10'000);
  // The whole surface: short last chunk, trailers, and zeros behind the last ones.
  const std::vector<Run> runs = {{ChunkIndex{0}, 0, 5}, {ChunkIndex{1}, 0, 5}, {ChunkIndex{2}, 0, 2}};
  send(pull_for(store->manifest().id, runs));
  const auto sent = next_train();
  expect_data(sent, *store, runs, 500, slice_bytes);
  // 10,000 - 2 x 4,096 = 1,808, and 16: the last slice has 824 bytes and 176 zeros.
  const auto& last = sent.back().bytes;
  ASSERT_EQ(last.size(), header_bytes + 1000U);
  EXPECT_TRUE(std::all_of(last.end() - 176, last.end(), [](std::byte b) { return b == std::byte{0}; }));
  EXPECT_TRUE(std::equal(last.end() - 192, last.end() - 176, store->trailer(ChunkIndex{2}).begin()));
  EXPECT_TRUE(next_train().empty());
}

TEST_F(ExposerEngineTest, AnswersRunsInTheOrderInWhichTheyWereAskedFor) {
  const auto store = expose(10'000);
  const std::vector<Run> runs = {{ChunkIndex{2}, 1, 1}, {ChunkIndex{0}, 3, 2}, {ChunkIndex{0}, 3, 1}};
  send(pull_for(store->manifest().id, runs));
  expect_data(next_train(), *store, runs, 500, slice_bytes);
}

TEST_F(ExposerEngineTest, CutsAChunkIntoSlicesOfAnyLengthThatIsAskedFor) {
  const auto store = expose(4096, 4096);
  for (std::uint16_t length = 512; length <= 4200; length = static_cast<std::uint16_t>(length + 97)) {
    const std::uint32_t count = slices_of(store->manifest(), ChunkIndex{0}, length);
    const std::vector<Run> runs = {{ChunkIndex{0}, 0, static_cast<std::uint16_t>(count)}};
    PullRequest pull = pull_for(store->manifest().id, runs);
    pull.slice_bytes = length;
    send(pull);
    expect_data(next_train(), *store, runs, 500, length);
  }
}

TEST_F(ExposerEngineTest, AsksNumbersWrapAround) {
  const auto store = expose(10'000);
  PullRequest pull = pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 3}});
  pull.first_ask = 0xffff'ffff;
  send(pull);
  expect_data(next_train(), *store, {{ChunkIndex{0}, 0, 3}}, 0xffff'ffff, slice_bytes);
}

TEST_F(ExposerEngineTest, StatesHowLongARequestWaited) {
  const auto store = expose(10'000);
  send(pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 1}}));
  now_ += 1500us;
  const auto sent = next_train();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(parse_data(sent[0].bytes)->service_delay, 150);
}

TEST_F(ExposerEngineTest, StatesHowLongAHelloWaited) {
  send(hello_for(expose(10'000)->manifest().id));
  now_ += 1500us;
  const auto sent = next_train();
  ASSERT_EQ(sent.size(), 1U);
  const auto answer = parse_manifest_answer(sent[0].bytes);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->service_delay, 150);
}

TEST_F(ExposerEngineTest, AsksForARetryWhereTheCookieIsNotValid) {
  const auto store = expose(10'000);
  for (const Cookie& cookie : {Cookie{}, test::cookie_of(9), valid_cookie(test::peer_of("198.51.100.8")),
                               valid_cookie(test::peer_of("198.51.100.7", 4001))}) {
    PullRequest pull = pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 5}});
    pull.cookie = cookie;
    const auto refuse = refusal_of(pull);
    ASSERT_TRUE(refuse);
    EXPECT_EQ(refuse->reason, Refusal::retry);
    EXPECT_EQ(refuse->pull_id, pull_id);
    pull.cookie = refuse->cookie;
    send(pull);
    EXPECT_EQ(next_train().size(), 5U);
  }
}

TEST_F(ExposerEngineTest, TakesACookieForTwoEpochs) {
  const auto store = expose(10'000);
  const PullRequest pull = pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 5}});
  now_ += 119s;
  send(pull);
  EXPECT_EQ(all_sent().size(), 5U);
  now_ += 1s;
  EXPECT_EQ(reason_for(pull), Refusal::retry);
}

TEST_F(ExposerEngineTest, SaysWhatItDoesNotKnow) {
  const SurfaceId nowhere = SurfaceId::random();
  EXPECT_EQ(reason_for(hello_for(nowhere)), Refusal::unknown);
  EXPECT_EQ(reason_for(pull_for(nowhere, {{ChunkIndex{0}, 0, 1}})), Refusal::unknown);
}

TEST_F(ExposerEngineTest, RemembersWhatWasWithdrawn) {
  const auto store = expose(10'000);
  const SurfaceId id = store->manifest().id;
  engine_.withdraw(id);
  EXPECT_EQ(reason_for(hello_for(id)), Refusal::withdrawn);
  EXPECT_EQ(reason_for(pull_for(id, {{ChunkIndex{0}, 0, 1}})), Refusal::withdrawn);
  ASSERT_TRUE(engine_.add(store, observer_));
  send(pull_for(id, {{ChunkIndex{0}, 0, 1}}));
  EXPECT_EQ(all_sent().size(), 1U);
}

TEST_F(ExposerEngineTest, WithdrawalDropsWhatWaits) {
  const auto store = expose(10'000);
  send(pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 5}}));
  EXPECT_TRUE(engine_.has_work());
  engine_.withdraw(store->manifest().id);
  EXPECT_FALSE(engine_.has_work());
  EXPECT_TRUE(all_sent().empty());
  EXPECT_EQ(store.use_count(), 1);
}

TEST_F(ExposerEngineTest, HoldsNoStoreOnceItsTrainsAreSentAndItIsWithdrawn) {
  auto store = expose(10'000);
  const std::weak_ptr<const Store> held = store;
  const SurfaceId id = store->manifest().id;
  send(pull_for(id, {{ChunkIndex{0}, 0, 5}}));
  EXPECT_EQ(next_train().size(), 5U);
  engine_.withdraw(id);
  store.reset();
  EXPECT_FALSE(held.expired());  // the train that is on its way stands in its memory
  EXPECT_TRUE(next_train().empty());
  EXPECT_TRUE(held.expired());
}

TEST_F(ExposerEngineTest, ExposesAnIdOnce) {
  const auto store = expose(10'000);
  const auto again = engine_.add(store, observer_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::already_exposed);
}

TEST_F(ExposerEngineTest, DropsRunsThatThereAreNot) {
  const auto store = expose(10'000);
  const SurfaceId id = store->manifest().id;
  const std::vector<std::vector<Run>> wrong = {
      {{ChunkIndex{3}, 0, 1}},
      {{ChunkIndex{0xffff'ffff}, 0, 1}},
      {{ChunkIndex{0}, 5, 1}},
      {{ChunkIndex{0}, 4, 2}},
      {{ChunkIndex{0}, 65535, 1}},
      {{ChunkIndex{2}, 2, 1}},
      {{ChunkIndex{0}, 0, 5}, {ChunkIndex{1}, 5, 1}},
  };
  for (const auto& runs : wrong) {
    observer_->clear();
    send(pull_for(id, runs));
    EXPECT_TRUE(all_sent().empty()) << runs.front().chunk.value << ' ' << runs.front().first;
    EXPECT_EQ(observer_->count<event::DatagramDropped>(), 1U);
  }
}

TEST_F(ExposerEngineTest, DropsSlicesThatAreTooShortToBeWorthTheirHeaders) {
  const auto store = expose(10'000);
  PullRequest pull = pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 1}});
  pull.slice_bytes = min_slice_bytes - 1;
  send(pull);
  EXPECT_TRUE(all_sent().empty());
}

TEST_F(ExposerEngineTest, ServesASurfaceThatIsShorterThanASlice) {
  const auto store = expose(10);
  PullRequest pull = pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 1}});
  pull.slice_bytes = 26;
  send(pull);
  expect_data(next_train(), *store, {{ChunkIndex{0}, 0, 1}}, 500, 26);
}

TEST_F(ExposerEngineTest, LeavesOutWhatIsNotPublished) {
  const auto bytes = test::pattern(10'000);
  const auto store = test::unpublished_store(test::manifest_of(10'000), bytes);
  test::publish(*store, ChunkIndex{1});
  ASSERT_TRUE(engine_.add(store, observer_));
  send(pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 2}, {ChunkIndex{1}, 1, 2}, {ChunkIndex{2}, 0, 1}}));
  EXPECT_TRUE(parse_announce(next_train().at(0).bytes));
  // The asks of what is missing are passed over, not given to others.
  expect_data(next_train(), *store, {{ChunkIndex{1}, 1, 2}}, 502, slice_bytes);
  EXPECT_TRUE(all_sent().empty());
}

TEST_F(ExposerEngineTest, DropsDamagedDatagrams) {
  const auto store = expose(10'000);
  for (auto bytes : {test::datagram_of(hello_for(store->manifest().id)),
                     test::datagram_of(pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 1}}))})
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      bytes[at] ^= std::byte{0x10};
      // A HELLO of another version is the one that is answered without a look at the rest.
      if (at != 2) {
        send_bytes(bytes);
        EXPECT_TRUE(all_sent().empty()) << at;
      }
      bytes[at] ^= std::byte{0x10};
    }
}

TEST_F(ExposerEngineTest, DropsWhatOnlyAnExposerSends) {
  expose(10'000);
  send(Refuse{.pull_id = pull_id});
  send(ManifestAnswer{.pull_id = pull_id});
  send(Announce{.pull_id = pull_id, .words = {0, 1}});
  send_bytes(test::data_datagram({.pull_id = pull_id}, test::pattern(1000)));
  EXPECT_TRUE(all_sent().empty());
}

TEST_F(ExposerEngineTest, NamesItsVersionsToWhoSpeaksNoneOfThem) {
  const auto store = expose(10'000);
  Hello hello = hello_for(store->manifest().id);
  hello.version_min = 2;
  hello.version_max = 5;
  EXPECT_EQ(reason_for(hello), Refusal::version);
  hello.version_min = 1;
  EXPECT_TRUE(parse_manifest_answer(only_answer_to(hello)));
  // A version whose datagrams are not even known.
  auto bytes = test::datagram_of(hello);
  bytes[2] = std::byte{2};
  send_bytes(bytes);
  const auto sent = all_sent();
  ASSERT_EQ(sent.size(), 1U);
  const auto refuse = parse_refuse(sent[0].bytes);
  ASSERT_TRUE(refuse);
  EXPECT_EQ(refuse->reason, Refusal::version);
  EXPECT_EQ(refuse->version_min, 1);
  EXPECT_EQ(refuse->version_max, 1);
  EXPECT_EQ(refuse->pull_id, pull_id);
  // Shorter ones are not answered: the answer could be longer.
  bytes.resize(hello_bytes - 1);
  send_bytes(bytes);
  EXPECT_TRUE(all_sent().empty());
}

TEST_F(ExposerEngineTest, HelloWithACookieIsFollowedByTheFirstSlices) {
  const auto store = expose(10'000);
  Hello hello = hello_for(store->manifest().id);
  hello.cookie = valid_cookie();
  hello.slices_wanted = 5;
  hello.first_ask = 9;
  send(hello);
  auto sent = all_sent();
  ASSERT_EQ(sent.size(), 6U);
  EXPECT_TRUE(parse_manifest_answer(sent[0].bytes));
  sent.erase(sent.begin());
  // 4,112 bytes at 1,440 a slice are three slices of 1,371.
  expect_data(sent, *store, {{ChunkIndex{0}, 0, 3}, {ChunkIndex{1}, 0, 2}}, 9, 1371);
}

TEST_F(ExposerEngineTest, OneTrainAtMostFollowsAHello) {
  const auto store = expose(1'000'000);
  Hello hello = hello_for(store->manifest().id);
  hello.cookie = valid_cookie();
  hello.slices_wanted = 0xffff'ffff;
  send(hello);
  const auto sent = all_sent();
  EXPECT_EQ(sent.size(), 1U + max_train_bytes / (1371 + header_bytes));
}

TEST_F(ExposerEngineTest, NothingFollowsAHelloWithoutAValidCookie) {
  const auto store = expose(10'000);
  for (const Cookie& cookie : {Cookie{}, test::cookie_of(3)}) {
    Hello hello = hello_for(store->manifest().id);
    hello.cookie = cookie;
    hello.slices_wanted = 5;
    EXPECT_TRUE(parse_manifest_answer(only_answer_to(hello)));
  }
}

TEST_F(ExposerEngineTest, NothingFollowsAHelloForAnEmptySurface) {
  const auto store = expose(0);
  Hello hello = hello_for(store->manifest().id);
  hello.cookie = valid_cookie();
  hello.slices_wanted = 5;
  EXPECT_TRUE(parse_manifest_answer(only_answer_to(hello)));
  send(pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 1}}));
  EXPECT_TRUE(all_sent().empty());
}

TEST_F(ExposerEngineTest, TellsTheObserverWhatItReceivesAndSends) {
  const auto store = expose(10'000);
  send(pull_for(store->manifest().id, {{ChunkIndex{0}, 0, 5}}));
  all_sent();
  ASSERT_EQ(observer_->count<event::RequestReceived>(), 1U);
  EXPECT_EQ(observer_->all<event::RequestReceived>()[0].slices, 5U);
  EXPECT_EQ(observer_->all<event::DatagramReceived>()[0].bytes, 72U);
  ASSERT_EQ(observer_->count<event::DatagramSent>(), 1U);
  EXPECT_EQ(observer_->all<event::DatagramSent>()[0].datagrams, 5U);
  EXPECT_EQ(observer_->all<event::DatagramSent>()[0].bytes, 5 * 1032U);
}

}  // namespace
}  // namespace rgtp::packet
