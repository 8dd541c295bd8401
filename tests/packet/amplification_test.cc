// An exposer's engine gives nobody a multiple of what it was sent: strangers never more than that, whatever
// they send; those who showed that they receive at their address what they asked for, within its rates.
#include <map>

#include "packet/exposer_fixture.h"
#include "sim/random.h"
#include "support/protected_surfaces.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

using Bytes = std::vector<std::byte>;

constexpr std::uint64_t ip_udp_bytes = 28;  // the headers of IPv4 and UDP: every datagram costs them

// Counts what an address sent and got, as they travel.
class Amplification : public ExposerFixture {
 protected:
  explicit Amplification(const ExposerLimits& limits = {}) : ExposerFixture(limits) {}

  struct Ledger {
    std::uint64_t sent = 0;
    std::uint64_t got = 0;
  };

  void offer(const Peer& peer, std::span<const std::byte> bytes) {
    ledgers_[peer.remote].sent += bytes.size() + ip_udp_bytes;
    engine_.handle_datagram(now_, peer, bytes);
  }
  // What comes of that. Nobody is ahead after any datagram of it.
  std::vector<Sent> collect() {
    auto all = all_sent();
    for (const Sent& one : all) {
      Ledger& ledger = ledgers_[one.peer.remote];
      ledger.got += one.bytes.size() + ip_udp_bytes;
      EXPECT_LE(ledger.got, ledger.sent);
    }
    return all;
  }
  // Of a stranger's datagram: at most one answer, to nobody else, no longer, and nothing of a surface but its
  // manifest.
  void expect_no_gain(const Peer& peer, const Bytes& bytes) {
    offer(peer, bytes);
    const auto answers = collect();
    ASSERT_LE(answers.size(), 1U);
    if (answers.empty()) return;
    EXPECT_EQ(answers[0].peer, peer);
    EXPECT_LE(answers[0].bytes.size(), bytes.size());
    EXPECT_TRUE(parse_refuse(answers[0].bytes) || parse_manifest_answer(answers[0].bytes));
    ++answered_;
  }

  std::uint64_t got_by(const Peer& peer) { return ledgers_[peer.remote].got; }

  std::map<Address, Ledger> ledgers_;
  std::size_t answered_ = 0;
};

// A surface that is whole, one that grows, and one that was withdrawn: and all that may be said to them
// without a cookie of the sender's own.
class Unvalidated : public Amplification {
 protected:
  Unvalidated() {
    whole_ = expose(100'000)->manifest().id;
    withdrawn_ = expose(10'000)->manifest().id;
    engine_.withdraw(withdrawn_);
    Manifest manifest = test::manifest_of(1000 * 4096);
    manifest.size_pending = true;
    growing_.emplace(manifest, test::key_of(1));
    EXPECT_TRUE(engine_.add(growing_->store(), observer_));
  }

  void grow() {
    if (published_ < 1000) growing_->publish(ChunkIndex{published_++}, content_);
    engine_.handle_growth(growing_->store()->manifest().id);
  }

  std::vector<Bytes> datagrams(const Cookie& cookie) {
    std::vector<Bytes> all;
    for (const SurfaceId& id : {whole_, growing_->store()->manifest().id, withdrawn_, SurfaceId::random()}) {
      Hello hello = hello_for(id);
      hello.cookie = cookie;
      for (const std::uint32_t slices : {0U, 1U, 64U, 0xffff'ffffU}) {
        hello.slices_wanted = slices;
        all.push_back(test::datagram_of(hello));
      }
      hello.version_min = hello.version_max = 7;
      all.push_back(test::datagram_of(hello));
      PullRequest pull = pull_for(id, {{ChunkIndex{0}, 0, 5}, {ChunkIndex{3}, 0, 5}, {ChunkIndex{9}, 0, 5}});
      pull.cookie = cookie;
      all.push_back(test::datagram_of(pull));
      pull.run_count = 1;
      all.push_back(test::datagram_of(pull));
      all.push_back(test::datagram_of(Poll{
          .pull_id = pull_id, .timestamp = 77, .words = {0, 1}, .rtt_us = 1, .id = id, .cookie = cookie}));
    }
    // What pullers hear alone.
    ManifestAnswer answer{.pull_id = pull_id};
    core::encode_manifest(growing_->store()->manifest(), answer.manifest);
    all.push_back(test::datagram_of(answer));
    all.push_back(test::datagram_of(Announce{.pull_id = pull_id, .words = {0, 1}}));
    all.push_back(test::datagram_of(Refuse{.pull_id = pull_id, .reason = Refusal::withdrawn}));
    all.push_back(test::data_datagram({.pull_id = pull_id}, test::pattern(1000)));
    all.push_back(test::datagram_of(Advertise{.id = {}, .host = "example", .name = {}}));
    return all;
  }
  // Of a version that is yet to come: of every length.
  static std::vector<Bytes> datagrams_of_other_versions() {
    std::vector<Bytes> all;
    for (const std::size_t length :
         {1U, 31U, 32U, 47U, 48U, 64U, 407U, 408U, 409U, 1200U, 8999U, 9000U, 9001U})
      for (const unsigned version : {0U, 2U, 255U})
        for (std::uint8_t type = 0; type <= 9; ++type) {
          Bytes bytes = test::pattern(length);
          const std::byte prefix[] = {std::byte{0x52}, std::byte{0x47}, static_cast<std::byte>(version),
                                      std::byte{type}};
          std::copy_n(prefix, std::min(length, sizeof prefix), bytes.begin());
          all.push_back(std::move(bytes));
        }
    return all;
  }
  // Every time another network, so that no allowance of REFUSEs is used up.
  Peer next_stranger() {
    ++strangers_;
    now_ += 10ms;
    return test::peer_of(
        "203." + std::to_string(strangers_ / 256 % 256) + "." + std::to_string(strangers_ % 256) + ".9",
        static_cast<std::uint16_t>(1000 + strangers_ % 7));
  }

  SurfaceId whole_;
  SurfaceId withdrawn_;
  const Bytes content_ = test::pattern(1000 * 4096);
  std::optional<test::SealedSurface> growing_;
  std::uint32_t published_ = 0;
  std::uint32_t strangers_ = 0;
};

TEST_F(Unvalidated, GetNoMoreThanTheySendWhateverItIs) {
  const Peer somebody = test::peer_of("192.0.2.1");
  for (const bool with_cookie : {false, true})
    for (std::size_t i = 0; i < datagrams({}).size(); ++i) {
      // A cookie that nobody made, and one that was made for somebody else.
      for (const Cookie& cookie : {test::cookie_of(5), valid_cookie(somebody)})
        expect_no_gain(next_stranger(), datagrams(with_cookie ? cookie : Cookie{})[i]);
      grow();
    }
  for (const Bytes& bytes : datagrams_of_other_versions()) expect_no_gain(next_stranger(), bytes);
  EXPECT_GT(answered_, 100U);
  for (int i = 0; i < 10; ++i) {
    grow();
    now_ += 1s;
    EXPECT_TRUE(collect().empty());  // nobody has subscribed
  }
}

TEST_F(Unvalidated, GetNothingForWhatIsCutShortOrMadeLonger) {
  for (Bytes bytes : datagrams({})) {
    const Bytes whole = bytes;
    while (!bytes.empty()) {
      bytes.pop_back();
      if (bytes.size() >= header_bytes) seal_datagram(bytes);
      expect_no_gain(next_stranger(), bytes);
      // By a run of a PULL, by more elsewhere.
      if (whole.size() > 400) bytes.resize(bytes.size() - std::min<std::size_t>(bytes.size(), 97));
    }
    bytes = whole;
    for (const std::size_t more : {1U, 7U, 8U, 64U, 1000U}) {
      bytes.resize(whole.size() + more);
      seal_datagram(bytes);
      expect_no_gain(next_stranger(), bytes);
    }
  }
}

// What somebody sends who has no cookie and much patience, from a few addresses.
TEST_F(Unvalidated, GetNoMoreThanTheySendInARandomCampaign) {
  test::Random random(20);
  const std::vector<Bytes> others = datagrams_of_other_versions();
  std::vector<Peer> peers;
  for (std::uint16_t i = 0; i < 40; ++i)
    peers.push_back(test::peer_of("203.0." + std::to_string(i / 4) + ".7", static_cast<std::uint16_t>(i)));
  std::vector<Bytes> templates;
  for (int sent = 0; sent < 20'000; ++sent) {
    if (sent % 1000 == 0) {
      templates = datagrams(random.happens(0.3) ? Cookie{} : valid_cookie(test::peer_of("192.0.2.1")));
      grow();
    }
    Bytes bytes =
        random.happens(0.1) ? others[random.below(others.size())] : templates[random.below(templates.size())];
    for (std::uint64_t changes = random.below(4); changes > 0 && !bytes.empty(); --changes)
      switch (random.below(4)) {
        case 0: bytes[random.below(bytes.size())] ^= std::byte{1} << random.below(8); break;
        case 1: bytes[random.below(bytes.size())] = static_cast<std::byte>(random.next() & 255); break;
        case 2: bytes.resize(random.below(bytes.size() + 1)); break;
        default: bytes.resize(std::min<std::size_t>(bytes.size() + random.below(500), 65'000)); break;
      }
    if (bytes.size() >= header_bytes && random.happens(0.9)) seal_datagram(bytes);
    const Peer& peer = peers[random.below(peers.size())];
    if (random.happens(0.5)) {
      offer(peer, bytes);  // answered with others, later
    } else {
      (void)collect();
      expect_no_gain(peer, bytes);
    }
    now_ += random.up_to(5ms);
  }
  (void)collect();
  EXPECT_GT(answered_, 1000U);
}

TEST_F(Unvalidated, ACookieDrawsNothingAtAnotherAddressOrPort) {
  const Cookie cookie = valid_cookie();
  Peer other_port = puller_;
  ++other_port.remote.port;
  const Peer next_door = test::peer_of("198.51.100.8");
  const Peer elsewhere = test::peer_of("203.0.113.7");
  const Peer v6 = test::peer_of("2001:db8::7");
  for (const Peer& peer : {other_port, next_door, elsewhere, v6})
    for (const Bytes& bytes : datagrams(cookie)) {
      now_ += 1s;
      expect_no_gain(peer, bytes);
    }
  // Where it belongs it draws 15 slices: until two epochs are over.
  const Bytes pull = test::datagram_of(pull_for(whole_, {{ChunkIndex{0}, 0, 5}, {ChunkIndex{1}, 0, 5}}));
  for (const bool is_alive : {true, true, false}) {
    send_bytes(pull);
    EXPECT_EQ(all_sent().size(), is_alive ? 10U : 1U);
    now_ += CookieJar::epoch_length;
  }
}

// One whose cookie is its own.
class Known : public Amplification {
 protected:
  explicit Known(const ExposerLimits& limits = {}) : Amplification(limits) {
    id_ = expose(1 << 20)->manifest().id;
  }

  // What a PULL names, as it would travel: chunks of 4,096 bytes and a tag are 5 slices of 1,000.
  static std::uint64_t asked_by(const PullRequest& pull) {
    return pull.slices() * (std::uint64_t{header_bytes} + pull.slice_bytes + ip_udp_bytes);
  }
  PullRequest pull_by(const Peer& peer, std::uint32_t chunk, std::uint16_t chunks = 1) {
    std::vector<Run> runs;
    for (std::uint16_t i = 0; i < chunks; ++i) runs.push_back({ChunkIndex{(chunk + i) % 256}, 0, 5});
    PullRequest pull = pull_for(id_, runs);
    pull.cookie = valid_cookie(peer);
    return pull;
  }
  // Sends it and what is waiting, as far as the exposer lets it.
  void ask(const Peer& peer, const PullRequest& pull) {
    engine_.handle_datagram(now_, peer, test::datagram_of(pull));
    collect_data();
  }
  void collect_data() {
    for (const Sent& one : all_sent()) {
      const std::uint64_t bytes = one.bytes.size() + ip_udp_bytes;
      ledgers_[one.peer.remote].got += bytes;
      if (parse_data(one.bytes)) data_[one.peer.remote] += bytes;
    }
  }
  std::uint64_t data_at(const Peer& peer) { return data_[peer.remote]; }

  SurfaceId id_;
  std::map<Address, std::uint64_t> data_;
};

TEST_F(Known, GetsNoMoreThanItAskedFor) {
  test::Random random(21);
  std::uint64_t asked = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<Run> runs;
    for (std::uint64_t n = 1 + random.below(12); n > 0; --n)
      runs.push_back({ChunkIndex{static_cast<std::uint32_t>(random.below(260))},
                      static_cast<std::uint16_t>(random.below(5)),
                      static_cast<std::uint16_t>(1 + random.below(random.happens(0.9) ? 2 : 5))});
    PullRequest pull = pull_for(id_, runs);
    pull.slice_bytes = static_cast<std::uint16_t>(random.happens(0.8) ? 1000 : 100 + random.below(8900));
    asked += asked_by(pull);
    ask(puller_, pull);
    ASSERT_LE(got_by(puller_), asked);
    now_ += random.up_to(1ms);
  }
  EXPECT_GT(data_at(puller_), asked / 10);
}

TEST_F(Known, GetsItOnceForEveryTimeThatItAsks) {
  const PullRequest pull = pull_by(puller_, 0, 3);
  for (std::uint64_t times = 1; times <= 20; ++times) {
    ask(puller_, pull);
    EXPECT_EQ(data_at(puller_), times * asked_by(pull));
    now_ += 1ms;
  }
}

class KnownWithinItsNetworksRate : public Known {
 protected:
  static constexpr std::uint64_t rate = 1'000'000;
  KnownWithinItsNetworksRate() : Known({.prefix_bytes_per_second = rate}) {}
};

TEST_F(KnownWithinItsNetworksRate, HoweverManyAddressesAsk) {
  const Peer elsewhere = test::peer_of("203.0.113.7");
  for (int ms = 0; ms < 2000; ++ms) {
    for (std::uint16_t port = 1; port <= 5; ++port) {
      const Peer peer = test::peer_of("198.51.100." + std::to_string(port), port);
      ask(peer, pull_by(peer, static_cast<std::uint32_t>(ms), 12));
    }
    if (ms % 100 == 0) ask(elsewhere, pull_by(elsewhere, 0));
    now_ += 1ms;
  }
  std::uint64_t got = 0;
  for (const auto& [address, ledger] : ledgers_)
    if (address != elsewhere.remote) got += ledger.got;
  // A tenth of a second ahead at most, and what was admitted before: 300 KB asked for at once. The rate
  // counts UDP payload.
  const double payload = 1032.0 / 1060.0;
  EXPECT_LE(static_cast<double>(got) * payload, 2.1 * rate + 400'000);
  EXPECT_GE(static_cast<double>(got) * payload, 2.0 * rate);
  EXPECT_EQ(data_at(elsewhere), 20 * 5 * (header_bytes + 1000 + ip_udp_bytes));
}

class KnownWithinTheTotalRate : public Known {
 protected:
  static constexpr std::uint64_t rate = 10'000'000;
  KnownWithinTheTotalRate() : Known({.total_bytes_per_second = rate}) {}

  // Both ask for far more than there is, `first` and `second` times a millisecond.
  void run(Duration length, int first, int second) {
    const TimePoint end = now_ + length;
    for (std::uint32_t round = 0; now_ < end; ++round) {
      for (int i = 0; i < std::max(first, second); ++i) {
        // From several ports: a network is one, however many it is.
        if (i < first) ask_from(first_, i, round);
        if (i < second) ask_from(second_, i, round);
      }
      for (const TimePoint next = now_ + 1ms; now_ < next;) {
        now_ = std::min(next, std::max(now_ + 1us, engine_.poll_timeout()));
        collect_data();
      }
    }
  }
  void ask_from(Peer peer, int port, std::uint32_t round) {
    peer.remote.port = static_cast<std::uint16_t>(peer.remote.port + port);
    ask(peer, pull_by(peer, round));
  }
  // UDP payload, as the rate counts.
  double data_of(const Peer& network) {
    std::uint64_t bytes = 0;
    for (const auto& [address, data] : data_)
      if (address.prefix() == network.remote.prefix()) bytes += data;
    return static_cast<double>(bytes) * 1032 / 1060;
  }

  const Peer first_ = test::peer_of("198.51.100.7");
  const Peer second_ = test::peer_of("203.0.113.9");
};

TEST_F(KnownWithinTheTotalRate, WhichIsHeldAndShared) {
  run(2s, 2, 2);
  const double first = data_of(first_);
  const double second = data_of(second_);
  EXPECT_NEAR(first + second, 2.0 * rate, 0.05 * 2 * rate);
  EXPECT_NEAR(first, second, 0.05 * rate);
}

TEST_F(KnownWithinTheTotalRate, AlsoWithANetworkThatAsksMoreOften) {
  run(2s, 2, 16);
  const double first = data_of(first_);
  const double second = data_of(second_);
  EXPECT_NEAR(first + second, 2.0 * rate, 0.05 * 2 * rate);
  EXPECT_NEAR(first, second, 0.1 * rate);
}

TEST_F(KnownWithinTheTotalRate, WhichASilenceDoesNotSaveUp) {
  ask(first_, pull_by(first_, 0));
  now_ += 10s;
  run(100ms, 2, 2);
  EXPECT_LE(data_of(first_) + data_of(second_), 0.1 * rate + 0.002 * rate + 3 * 5160);
}

TEST_F(KnownWithinTheTotalRate, AndItSaysWhenToGoOn) {
  EXPECT_EQ(engine_.poll_timeout(), TimePoint::max());
  for (std::uint32_t chunk = 0; chunk < 4; ++chunk)
    engine_.handle_datagram(now_, first_, test::datagram_of(pull_by(first_, chunk)));
  // After a silence 2 ms of the rate may go at once, which are four of them; then each in its time.
  EXPECT_EQ(all_sent().size(), 4U * 5);
  EXPECT_EQ(engine_.poll_timeout(), TimePoint::max());
  for (std::uint32_t chunk = 0; chunk < 3; ++chunk)
    engine_.handle_datagram(now_, first_, test::datagram_of(pull_by(first_, chunk)));
  Duration waited{};
  for (int trains = 0; trains < 3; ++trains) {
    EXPECT_TRUE(engine_.has_work());
    if (next_train().empty()) {
      const TimePoint next = engine_.poll_timeout();
      ASSERT_GT(next, now_);
      ASSERT_LE(next, now_ + 1ms);
      waited += next - now_;
      now_ = next - 1us;
      EXPECT_TRUE(next_train().empty());
      now_ = next;
      EXPECT_EQ(next_train().size(), 5U);
    }
  }
  EXPECT_GT(waited, 1ms);
  EXPECT_EQ(engine_.poll_timeout(), TimePoint::max());
}

}  // namespace
}  // namespace rgtp::packet
