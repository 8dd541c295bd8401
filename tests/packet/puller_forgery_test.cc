// A puller's engine against datagrams that its exposer did not send: by somebody off the path, who does not
// know the pull id; by somebody on it, who does; and by an exposer that lies.
#include <functional>

#include <gtest/gtest.h>

#include "packet/exposer_engine.h"
#include "packet/puller_engine.h"
#include "packet/slicing.h"
#include "support/datagrams.h"
#include "support/pattern.h"
#include "support/protected_surfaces.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

using Bytes = std::vector<std::byte>;

constexpr std::uint64_t pull_id = 0x1234'5678'9abc'def0;
constexpr Duration round_trip = 20ms;

// One pull: an engine, and everything that it touches.
struct Pull {
  Pull(TimePoint now, const SurfaceId& id, const core::PullState::Options& options)
      : sink(options), engine(now, {id, pull_id, 10s}, path, sink) {}

  std::vector<Bytes> sent(TimePoint now) {
    std::vector<Bytes> all;
    Bytes buffer(PullerEngine::max_transmit_bytes);
    while (const std::size_t size = engine.poll_transmit(now, buffer))
      all.emplace_back(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
    return all;
  }

  Path path{Path::Options{.mtu = 1500}};
  test::StateSink sink;
  PullerEngine engine;
};

// A surface of 12 chunks and a part of one, sealed, whole or growing, at a real exposer's engine. Of two
// pulls of it one hears forgeries beside the exposer's answers, and the other none.
class PullerForgery : public testing::Test {
 protected:
  static constexpr std::uint32_t chunk_bytes = 4096;
  static constexpr std::uint64_t size = 12 * chunk_bytes + 100;

  void expose_whole() {
    Manifest manifest = test::manifest_of(size, chunk_bytes);
    expose(test::sealed_store(manifest, surface_, key_));
  }
  void expose_growing() {
    Manifest manifest = test::manifest_of(100 * chunk_bytes, chunk_bytes);
    manifest.size_pending = true;
    growing_.emplace(manifest, key_);
    expose(growing_->store());
  }
  void publish_next() {
    const std::uint32_t chunks = Manifest::chunks_in(size, chunk_bytes);
    if (!growing_ || published_ == chunks) return;
    if (published_ + 1 == chunks) growing_->set_final_size(size);
    growing_->publish(ChunkIndex{published_++}, surface_);
    if (published_ == chunks) growing_->store()->end(SurfaceState::finished);
    exposer_.handle_growth(manifest().id);
  }
  const Manifest& manifest() const { return store_->manifest(); }

  // What both send now, which is the same.
  std::vector<Bytes> sent() {
    auto expected = calm_->sent(now_);
    EXPECT_TRUE(attacked_->sent(now_) == expected) << "after " << (now_ - test::start_time) / 1us << " us";
    return expected;
  }
  // What the exposer has to say to that.
  std::vector<Bytes> answers_to(const std::vector<Bytes>& requests) {
    for (const Bytes& request : requests) exposer_.handle_datagram(now_, peer_, request);
    std::vector<Bytes> answers;
    while (exposer_.poll_transmit(now_, train_))
      for (const Train::Datagram& datagram : train_.datagrams()) {
        Bytes& bytes = answers.emplace_back(datagram.header.begin(), datagram.header.end());
        bytes.insert(bytes.end(), datagram.payload.begin(), datagram.payload.end());
      }
    return answers;
  }
  void forge(const Bytes& bytes) { attacked_->engine.handle_datagram(now_, bytes); }
  void receive(const Bytes& bytes) {
    attacked_->engine.handle_datagram(now_, bytes);
    calm_->engine.handle_datagram(now_, bytes);
  }
  void wait(Duration time) {
    now_ += time;
    for (Pull* const pull : {&*attacked_, &*calm_}) {
      (void)pull->engine.poll_timeout(now_);
      pull->engine.handle_timeout(now_);
    }
  }
  void expect_same() {
    const test::StateSink& attacked = attacked_->sink;
    const test::StateSink& calm = calm_->sink;
    EXPECT_EQ(attacked.story(), calm.story());
    EXPECT_EQ(attacked.placements, calm.placements);
    EXPECT_EQ(attacked.verified, calm.verified);
    EXPECT_EQ(attacked.rejected, calm.rejected);
    EXPECT_EQ(attacked.final_size, calm.final_size);
    EXPECT_EQ(attacked.ends, 0);
    EXPECT_EQ(attacked_->path.in_flight(), calm_->path.in_flight());
    EXPECT_EQ(attacked_->engine.poll_timeout(now_), calm_->engine.poll_timeout(now_));
  }

  // Pulls all of it. `attack` is called for each of the exposer's datagrams right before it arrives,
  // `aftermath` right behind.
  using Attack = std::function<void(const Bytes&)>;
  void pull(
      const Attack& attack, const Attack& aftermath = [](const Bytes&) {}) {
    for (int round = 0; round < 200 && !calm_->sink.is_complete(); ++round) {
      publish_next();
      const auto requests = sent();
      wait(round_trip);
      for (const Bytes& answer : answers_to(requests)) {
        attack(answer);
        receive(answer);
        aftermath(answer);
      }
      expect_same();
    }
    for (Pull* const pull : {&*attacked_, &*calm_}) {
      ASSERT_TRUE(pull->sink.is_complete());
      EXPECT_TRUE(pull->sink.content() == surface_);
      EXPECT_EQ(pull->sink.rejected, 0U);
    }
  }

  // A MANIFEST as this exposer would have sent it.
  ManifestAnswer answer_to(const Bytes& hello) {
    return parse_manifest_answer(answers_to({hello}).at(0)).value();
  }
  // Up to the MANIFEST's arrival.
  void greet() {
    const auto hellos = sent();
    ASSERT_EQ(hellos.size(), 1U);
    wait(round_trip);
    for (const Bytes& answer : answers_to(hellos)) receive(answer);
    ASSERT_EQ(calm_->sink.manifests, 1);
  }

  const Key key_ = test::key_of(7);
  const Bytes surface_ = test::pattern(size);
  TimePoint now_ = test::start_time;
  const Peer peer_ = test::peer_of("198.51.100.7");
  const std::array<std::byte, 32> secret_{};
  ExposerEngine exposer_{secret_, {}};
  Train train_;
  std::shared_ptr<const Store> store_;
  std::optional<test::SealedSurface> growing_;
  std::uint32_t published_ = 0;
  std::optional<Pull> attacked_;
  std::optional<Pull> calm_;

 private:
  void expose(std::shared_ptr<const Store> store) {
    store_ = std::move(store);
    ASSERT_TRUE(exposer_.add(store_, std::make_shared<test::NullObserver>()));
    const core::PullState::Options options{.max_size = 1 << 30, .key = key_};
    attacked_.emplace(now_, manifest().id, options);
    calm_.emplace(now_, manifest().id, options);
  }
};

// Of every type, as somebody would make them up who knows the surface's id alone.
std::vector<Bytes> made_up_datagrams(std::uint64_t id_of_pull, const Manifest& manifest) {
  ManifestAnswer answer{.pull_id = id_of_pull, .cookie_lifetime_ms = 60'000, .cookie = test::cookie_of(66)};
  core::encode_manifest(manifest, answer.manifest);
  PullRequest pull{.pull_id = id_of_pull, .slice_bytes = 1000, .run_count = 1, .id = manifest.id};
  pull.runs[0] = {ChunkIndex{0}, 0, 1};
  std::vector<Bytes> all = {
      test::datagram_of(answer),
      test::datagram_of(pull),
      test::datagram_of(Hello{.pull_id = id_of_pull, .slice_capacity = 1000, .id = manifest.id}),
      test::datagram_of(Poll{.pull_id = id_of_pull, .words = {0, 1}, .id = manifest.id}),
      test::datagram_of(
          Announce{.pull_id = id_of_pull, .published_to = 9, .words = {0, 1}, .bitmap = {0x1ff}}),
      test::datagram_of(Advertise{.size = 1, .id = {}, .host = "example", .name = "x"}),
      test::data_datagram({.pull_id = id_of_pull, .chunk = ChunkIndex{0}}, test::pattern(1371, 5)),
  };
  for (std::uint8_t reason = 1; reason <= 9; ++reason) {
    Refuse refuse{.pull_id = id_of_pull, .reason = static_cast<Refusal>(reason), .value = 1};
    if (refuse.reason == Refusal::retry) refuse.cookie = test::cookie_of(66);
    if (refuse.reason == Refusal::version) refuse.version_min = refuse.version_max = 9;
    all.push_back(test::datagram_of(refuse));
  }
  return all;
}

class OffPath : public PullerForgery {
 protected:
  // Everything that can be done to a datagram of the exposer's without its pull id or its check.
  void forge_from(const Bytes& genuine) {
    Bytes forged = genuine;
    forged.pop_back();
    forge(forged);
    forged = genuine;
    forged.push_back(std::byte{0});
    forge(forged);
    forged = genuine;
    for (std::size_t bit = 0; bit < 8 * forged.size(); ++bit) {
      const std::byte mask = std::byte{1} << bit % 8;
      forged[bit / 8] ^= mask;
      forge(forged);
      forged[bit / 8] ^= mask;
    }
    for (std::size_t bit = 0; bit < 64; ++bit) {
      forged[8 + bit / 8] ^= std::byte{1} << bit % 8;
      seal_datagram(forged);
      forge(forged);
      forged = genuine;
    }
    for (const std::uint64_t other : {std::uint64_t{0}, pull_id + 1, ~pull_id})
      for (const Bytes& bytes : made_up_datagrams(other, manifest())) forge(bytes);
    for (Bytes bytes : made_up_datagrams(pull_id, manifest())) {
      bytes[4] ^= std::byte{1};
      forge(bytes);
    }
    EXPECT_EQ(attacked_->sink.dropped() - calm_->sink.dropped(), forged_) << "after " << genuine.size();
  }
  void forge(const Bytes& bytes) {
    ++forged_;
    PullerForgery::forge(bytes);
  }

  std::size_t forged_ = 0;
};

TEST_F(OffPath, NothingThatLacksThePullIdOrTheCheckChangesAnything) {
  expose_whole();
  for (const Bytes& bytes : made_up_datagrams(pull_id + 1, manifest())) forge(bytes);
  pull([&](const Bytes& genuine) { forge_from(genuine); });
  EXPECT_GT(forged_, 400'000U);
}

TEST_F(OffPath, NorWhileTheSurfaceGrows) {
  expose_growing();
  pull([&](const Bytes& genuine) { forge_from(genuine); });
  EXPECT_EQ(attacked_->sink.final_size, size);
}

TEST_F(OffPath, WhatOnlyExposersHearIsDroppedWhateverItsPullIdSays) {
  expose_whole();
  greet();
  std::size_t requests = 0;
  for (const Bytes& bytes : made_up_datagrams(pull_id, manifest())) {
    const auto type = static_cast<Type>(bytes[3]);
    if (type != Type::hello && type != Type::pull && type != Type::poll && type != Type::advertise) continue;
    ++requests;
    forge(bytes);
  }
  EXPECT_EQ(attacked_->sink.dropped(), requests);
}

using OnPath = PullerForgery;

// Polls are timed by answers, such as tell nothing new among them: of surfaces that grow see below.
TEST_F(OnPath, WhatComesAgainChangesNothing) {
  expose_whole();
  std::vector<Bytes> seen;
  const auto heard_again = [&] {
    for (const Bytes& old : seen) forge(old);
  };
  const auto is_heard = [](const test::StateSink& sink) {
    auto story = sink.story();
    std::erase(story, Event(event::SliceReceived{}).index());
    return story;
  };
  for (int round = 0; round < 200 && !calm_->sink.is_complete(); ++round) {
    const auto requests = sent();
    wait(round_trip);
    heard_again();
    for (const Bytes& answer : answers_to(requests)) {
      receive(answer);
      seen.push_back(answer);
    }
    if (round == 1) {
      // One request was dropped for want of room, and one had a cookie of before.
      const std::uint32_t asked_at = encode_timestamp(now_ - round_trip);
      seen.push_back(test::datagram_of(
          Refuse{.pull_id = pull_id, .timestamp = asked_at, .reason = Refusal::busy, .value = 1}));
      receive(seen.back());
      seen.push_back(test::datagram_of(Refuse{.pull_id = pull_id,
                                              .timestamp = asked_at,
                                              .reason = Refusal::retry,
                                              .cookie = CookieJar(secret_).make(peer_.remote, now_)}));
      receive(seen.back());
    }
    heard_again();
    EXPECT_EQ(is_heard(attacked_->sink), is_heard(calm_->sink));
    EXPECT_EQ(attacked_->path.in_flight(), calm_->path.in_flight());
    EXPECT_EQ(attacked_->engine.poll_timeout(now_), calm_->engine.poll_timeout(now_));
  }
  EXPECT_GT(seen.size(), 30U);
  EXPECT_TRUE(attacked_->sink.content() == surface_);
  EXPECT_EQ(attacked_->sink.rejected, 0U);
  EXPECT_EQ(attacked_->sink.ends, 0);
}

TEST_F(OnPath, AnAnnounceThatComesAgainTakesNothingBack) {
  expose_growing();
  std::vector<Bytes> seen;
  for (int round = 0; round < 200 && !attacked_->sink.is_complete(); ++round) {
    publish_next();
    const auto requests = attacked_->sent(now_);
    wait(round_trip);
    for (const Bytes& answer : answers_to(requests)) {
      forge(answer);
      seen.push_back(answer);
      for (const Bytes& old : seen) forge(old);
    }
  }
  ASSERT_TRUE(attacked_->sink.is_complete());
  EXPECT_TRUE(attacked_->sink.content() == surface_);
  EXPECT_EQ(attacked_->sink.observer().count<event::SlicesLost>(), 0U);
  EXPECT_LE(now_ - test::start_time, 40 * round_trip);
}

TEST_F(OnPath, NoRefusalEndsAPullThatStillGetsData) {
  for (const Refusal reason : {Refusal::unknown, Refusal::withdrawn, Refusal::aborted, Refusal::denied,
                               Refusal::source_changed, Refusal::version}) {
    expose_whole();
    greet();
    int rounds = 0;
    pull([&](const Bytes&) {
      Refuse refuse{.pull_id = pull_id, .timestamp = encode_timestamp(now_), .reason = reason};
      if (reason == Refusal::version) refuse.version_min = refuse.version_max = 9;
      receive(test::datagram_of(refuse));
      ++rounds;
    });
    EXPECT_GT(rounds, 30) << static_cast<int>(reason);
  }
}

TEST_F(OnPath, NorDoesIcmp) {
  expose_whole();
  std::size_t heard = 0;
  for (int round = 0; round < 200 && !attacked_->sink.is_complete(); ++round) {
    const auto requests = attacked_->sent(now_);
    now_ += round_trip;
    attacked_->engine.handle_unreachable(now_);
    for (const Bytes& answer : answers_to(requests)) {
      attacked_->engine.handle_unreachable(now_);
      forge(answer);
      ++heard;
    }
    attacked_->engine.handle_timeout(now_);
  }
  EXPECT_GT(heard, 30U);
  EXPECT_EQ(attacked_->sink.ends, 0);
  EXPECT_TRUE(attacked_->sink.content() == surface_);
}

class Manifests : public PullerForgery {
 protected:
  Manifests() { expose_whole(); }

  // The answer to the HELLO that is sent now, as the test changes it; false where there is no HELLO.
  bool answer_hello(const std::function<void(ManifestAnswer&)>& change) {
    const auto hellos = attacked_->sent(now_);
    if (hellos.empty() || !parse_hello(hellos[0])) return false;
    EXPECT_EQ(hellos.size(), 1U);
    ManifestAnswer answer = answer_to(hellos[0]);
    change(answer);
    forge(test::datagram_of(answer));
    return true;
  }
  // Another name: well made, and not authentic.
  static void rename(ManifestAnswer& answer) {
    answer.manifest[48] = std::byte{1};
    answer.manifest[49] = std::byte{'x'};
  }
};

TEST_F(Manifests, OneThatIsNotAuthenticIsAskedForAnewAtOnce) {
  for (std::uint32_t times = 1; times < PullerEngine::max_unrecognized; ++times) {
    ASSERT_TRUE(answer_hello(rename));
    EXPECT_EQ(attacked_->sink.dropped(), times);
    EXPECT_EQ(attacked_->sink.manifests, 0);
    EXPECT_EQ(attacked_->path.cookie(now_), Cookie{});
    EXPECT_LE(attacked_->engine.poll_timeout(now_), now_);
  }
  ASSERT_TRUE(answer_hello([](ManifestAnswer&) {}));
  EXPECT_EQ(attacked_->sink.manifests, 1);
  EXPECT_FALSE(parse_hello(attacked_->sent(now_).at(0)));
  EXPECT_EQ(attacked_->sink.ends, 0);
}

TEST_F(Manifests, TheThirdInARowThatIsNotAuthenticEndsThePull) {
  for (std::uint32_t times = 0; times < PullerEngine::max_unrecognized; ++times) {
    EXPECT_EQ(attacked_->sink.ends, 0);
    ASSERT_TRUE(answer_hello(rename));
  }
  EXPECT_EQ(attacked_->sink.ended_with, Errc::wrong_key);
  EXPECT_EQ(attacked_->sink.ends, 1);
  EXPECT_TRUE(attacked_->engine.is_finished());
  EXPECT_FALSE(answer_hello([](ManifestAnswer&) {}));
  EXPECT_EQ(attacked_->sink.placements, 0);
}

TEST_F(Manifests, OneThatCountsMoreChunksThanThereAreIsDropped) {
  ASSERT_TRUE(answer_hello([&](ManifestAnswer& answer) { answer.published = manifest().chunk_count() + 1; }));
  EXPECT_EQ(attacked_->sink.dropped(), 1U);
  EXPECT_EQ(attacked_->sink.manifests, 0);
  ASSERT_TRUE(answer_hello([](ManifestAnswer&) {}));
  EXPECT_EQ(attacked_->sink.manifests, 1);
}

TEST_F(Manifests, OneThatNamesAnotherEndIsNotAuthentic) {
  ASSERT_TRUE(answer_hello([](ManifestAnswer& answer) { --answer.final_size; }));
  EXPECT_EQ(attacked_->sink.manifests, 0);
  ASSERT_TRUE(answer_hello([](ManifestAnswer&) {}));
  EXPECT_EQ(attacked_->sink.manifests, 1);
}

// What an exposer with the right id may say of the size and still be no manifest: refused, and no memory is
// asked for.
TEST_F(Manifests, LiesAboutSizesAreRefusedBeforeAnythingIsPlaced) {
  struct Lie {
    std::size_t at;  // as in core/manifest_codec.h
    std::uint64_t value;
    std::size_t width;
  };
  std::vector<std::vector<Lie>> lies = {
      {{0, 0, 1}},
      {{0, 2, 1}},  // format
      {{1, 2, 1}},
      {{1, 255, 1}},  // protection
      {{1, 1, 1}},
      {{2, 1, 1}},  // suite
      {{2, 3, 1}},
      {{2, 255, 1}},  // the same
      {{6, 2, 2}},
      {{6, 0xfffe, 2}},           // flags
      {{48, 3, 1}, {100, 1, 1}},  // a name that goes on behind its end
      {{32, 1, 1}},               // a tag, of what is not sealed
  };
  for (const unsigned bits : {0U, 11U, 25U, 31U, 32U, 63U, 64U, 255U}) lies.push_back({{3, bits, 1}});
  for (const unsigned trailer : {0U, 1U, 15U, 17U, 48U, 80U, 112U, 65'535U})
    lies.push_back({{4, trailer, 2}});
  for (const unsigned pending : {0U, 1U})
    for (const std::uint64_t bytes :
         {~std::uint64_t{0}, std::uint64_t{1} << 63, Manifest::max_size + 1, ~std::uint64_t{0} - 4095,
          std::uint64_t{chunk_bytes} * Manifest::max_chunks + 1})
      lies.push_back({{6, pending, 2}, {8, bytes, 8}});
  // A valid one of which the pull does not want as much.
  lies.push_back({{3, 24, 1}, {8, Manifest::max_size, 8}});
  for (std::size_t i = 0; i < lies.size(); ++i) {
    attacked_.emplace(now_, manifest().id, core::PullState::Options{.max_size = 1 << 30});
    for (std::uint32_t times = 0; times < PullerEngine::max_unrecognized && attacked_->sink.ends == 0;
         ++times)
      ASSERT_TRUE(answer_hello([&](ManifestAnswer& answer) {
        Manifest open = manifest();
        open.protection = Protection::checksum;
        open.suite = CipherSuite::none;
        open.tag = {};
        core::encode_manifest(open, answer.manifest);
        for (const Lie& lie : lies[i])
          for (std::size_t byte = 0; byte < lie.width; ++byte)
            answer.manifest[lie.at + byte] = static_cast<std::byte>(lie.value >> (8 * byte) & 255);
        if (lies[i].back().value == Manifest::max_size) answer.final_size = Manifest::max_size;
      })) << i;
    EXPECT_EQ(attacked_->sink.ends, 1) << i;
    EXPECT_TRUE(attacked_->sent(now_).empty()) << i;
    EXPECT_EQ(attacked_->sink.placements, 0) << i;
  }
}

// Known only where the writer says it: an end that is not the exposer's is passed over.
class Ends : public PullerForgery {
 protected:
  Ends() {
    expose_growing();
    greet();
    publish_next();
  }

  Announce announce_of(std::uint64_t end, const EndTag& tag) {
    Announce announce{.pull_id = pull_id,
                      .timestamp = encode_timestamp(now_),
                      .final_size_known = true,
                      .published_to = published_,
                      .final_size = end,
                      .words = {0, 1}};
    announce.end_tag = tag;
    announce.bitmap[0] = (std::uint64_t{1} << published_) - 1;
    return announce;
  }
  ManifestAnswer manifest_of(std::uint64_t end, const EndTag& tag) {
    ManifestAnswer answer{.pull_id = pull_id,
                          .timestamp = encode_timestamp(now_),
                          .final_size_known = true,
                          .cookie_lifetime_ms = 60'000,
                          .published = published_,
                          .final_size = end,
                          .end_tag = tag,
                          .cookie = CookieJar(secret_).make(peer_.remote, now_)};
    core::encode_manifest(manifest(), answer.manifest);
    return answer;
  }
  void expect_forged_ends_dropped() {
    const EndTag genuine = growing_->keys().end_tag(size);
    const std::pair<std::uint64_t, EndTag> forged[] = {{size, EndTag{}},
                                                       {size - 1, genuine},
                                                       {0, genuine},
                                                       {0, EndTag{}},
                                                       {chunk_bytes, EndTag{}},
                                                       {100 * chunk_bytes, genuine},
                                                       {~std::uint64_t{0}, genuine}};
    const std::size_t before = attacked_->sink.dropped();
    std::size_t sent = 0;
    for (const auto& [end, tag] : forged) {
      if (attacked_->sink.final_size == end) continue;  // what is known already needs no proof
      forge(test::datagram_of(announce_of(end, tag)));
      forge(test::datagram_of(manifest_of(end, tag)));
      sent += 2;
    }
    EXPECT_EQ(attacked_->sink.dropped() - before, sent);
    EXPECT_EQ(attacked_->sink.ends, 0);
  }
};

TEST_F(Ends, ForgedOnesAreDroppedAndTheGenuineOneIsTakenFromAnAnnounce) {
  expect_forged_ends_dropped();
  EXPECT_FALSE(attacked_->sink.final_size);
  forge(test::datagram_of(announce_of(size, growing_->keys().end_tag(size))));
  EXPECT_EQ(attacked_->sink.final_size, size);
  expect_forged_ends_dropped();
  EXPECT_EQ(attacked_->sink.final_size, size);
}

TEST_F(Ends, OrFromAManifest) {
  expect_forged_ends_dropped();
  forge(test::datagram_of(manifest_of(size, growing_->keys().end_tag(size))));
  EXPECT_EQ(attacked_->sink.final_size, size);
  expect_forged_ends_dropped();
}

TEST_F(Ends, TheThirdForgedOneInARowEndsAPullThatHasNotBegun) {
  attacked_.emplace(now_, manifest().id, core::PullState::Options{.key = key_});
  for (std::uint32_t times = 0; times < PullerEngine::max_unrecognized; ++times) {
    EXPECT_EQ(attacked_->sink.ends, 0);
    EXPECT_EQ(attacked_->sent(now_).size(), 1U);
    forge(test::datagram_of(manifest_of(size, {})));
  }
  EXPECT_EQ(attacked_->sink.ended_with, Errc::corrupted);
}

TEST_F(Ends, ThePullGoesOnThroughForgedOnes) {
  pull([&](const Bytes&) { expect_forged_ends_dropped(); });
  EXPECT_EQ(attacked_->sink.final_size, size);
}

// An exposer, or somebody in its place, that sends what was not asked for.
TEST_F(OnPath, DataThatWasNotAskedForIsDropped) {
  expose_whole();
  greet();
  const auto requests = sent();
  const std::uint16_t slice_bytes = parse_pull(requests.at(0)).value().slice_bytes;
  const std::uint32_t slices = slices_of(manifest(), ChunkIndex{0}, slice_bytes);
  const std::uint32_t last = manifest().chunk_count() - 1;
  struct Wrong {
    std::uint32_t chunk;
    std::uint32_t slice;
    std::size_t length;
  };
  std::vector<Wrong> wrong;
  for (const std::uint32_t chunk : {last + 1, last + 100, Manifest::max_chunks, 0xffff'ffffU})
    wrong.push_back({chunk, 0, slice_bytes});
  wrong.push_back({last, 0, slice_bytes});  // it is there, and its turn comes later
  for (const std::uint32_t slice : {slices, slices + 1, 64U, 65'535U})
    wrong.push_back({0, slice, slice_bytes});
  for (const std::size_t length :
       {std::size_t{1}, std::size_t{slice_bytes} - 1, std::size_t{slice_bytes} + 1, max_slice_bytes})
    wrong.push_back({0, 0, length});
  std::size_t forged = 0;
  for (const Wrong& one : wrong)
    for (const std::uint32_t ask : {0U, 1U, 1000U, 0x8000'0000U, 0xffff'ffffU}) {
      const Data data{.pull_id = pull_id,
                      .ask = ask,
                      .timestamp = encode_timestamp(now_),
                      .chunk = ChunkIndex{one.chunk},
                      .slice = static_cast<std::uint16_t>(one.slice)};
      forge(test::data_datagram(data, test::pattern(one.length, 9)));
      ++forged;
    }
  EXPECT_EQ(attacked_->sink.dropped(), forged);
  wait(round_trip);
  for (const Bytes& answer : answers_to(requests)) receive(answer);
  expect_same();
  pull([](const Bytes&) {});
}

}  // namespace
}  // namespace rgtp::packet
