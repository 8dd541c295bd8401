// Somebody on the way who reads every datagram of a pull, changes some, and makes their checks right again: a
// check finds damage, not malice. A sealed or rooted pull may be slowed down, stopped, or ended with an
// error; it never gives out a byte that was not exposed.
#include <functional>

#include <gtest/gtest.h>

#include "core/bytes.h"
#include "sim/simulation.h"
#include "support/pattern.h"
#include "support/protected_surfaces.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

using Bytes = std::vector<std::byte>;

// What it does to a datagram.
enum class Trick : std::uint8_t {
  flip_bits,
  swap_fields,
  set_field,
  truncate,
  extend,
  replace_payload,
  replay,
  hold_back,
  drop,
  refuse,  // a REFUSE in its stead
};
constexpr std::uint64_t changes = 9;  // all but the last
constexpr std::uint64_t all_tricks = 10;

// Changes the bytes of a datagram, and knows where its fields are.
class Forger {
 public:
  explicit Forger(Random& random) : random_(random) {}

  void apply(Trick trick, Bytes& bytes) {
    switch (trick) {
      case Trick::flip_bits: flip_bits(bytes); break;
      case Trick::swap_fields: swap_fields(bytes); break;
      case Trick::set_field: set_field(bytes); break;
      case Trick::truncate: bytes.resize(bytes.size() - random_.below(bytes.size() / 2)); break;
      case Trick::extend: bytes.resize(bytes.size() + 1 + random_.below(100), std::byte{0}); break;
      case Trick::replace_payload: replace_payload(bytes); break;
      case Trick::refuse: refuse(bytes); break;
      case Trick::replay:
      case Trick::hold_back:
      case Trick::drop: return;
    }
    if (bytes.size() >= packet::header_bytes) packet::seal_datagram(bytes);
  }

 private:
  static constexpr std::size_t prefix_bytes = 16;  // magic, version, type, check, pull id

  // Behind the prefix: a datagram of another pull or of none is no forgery.
  std::size_t somewhere_in(const Bytes& bytes) {
    return prefix_bytes + random_.below(std::max<std::size_t>(bytes.size(), prefix_bytes + 1) - prefix_bytes);
  }

  void flip_bits(Bytes& bytes) {
    for (std::uint64_t flips = 1 + random_.below(3); flips > 0; --flips)
      bytes[std::min(somewhere_in(bytes), bytes.size() - 1)] ^= std::byte{1} << random_.below(8);
  }

  // Two of 4 bytes each.
  void swap_fields(Bytes& bytes) {
    const auto field = [&] { return bytes.begin() + static_cast<std::ptrdiff_t>(aligned(bytes, 4)); };
    const auto first = field();
    std::swap_ranges(first, first + 4, field());
  }

  // One of 1 to 8 bytes, to what a forger would like it to be.
  void set_field(Bytes& bytes) {
    const std::size_t width = std::size_t{1} << random_.below(4);
    const std::uint64_t values[] = {
        0, 1, ~std::uint64_t{0}, random_.next(), random_.below(256), random_.below(Manifest::max_chunks)};
    const std::uint64_t value = values[random_.below(std::size(values))];
    // Mostly in the header, which is short: what follows it are many bytes of one kind.
    Bytes header(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                                    bytes.size(), random_.happens(0.7) ? 64 : bytes.size())));
    const std::size_t at = aligned(header, width);
    for (std::size_t i = 0; i < width; ++i) bytes[at + i] = static_cast<std::byte>(value >> (8 * i) & 255);
  }

  void replace_payload(Bytes& bytes) {
    const std::size_t from = std::min<std::size_t>(
        bytes.size(), random_.happens(0.5) ? packet::header_bytes : somewhere_in(bytes));
    for (std::size_t at = from; at < bytes.size(); ++at)
      bytes[at] = static_cast<std::byte>(random_.next() & 255);
  }

  void refuse(Bytes& bytes) {
    core::ByteReader reader{std::span<const std::byte>(bytes).subspan(8)};
    packet::Refuse refuse{.pull_id = reader.get<std::uint64_t>(),
                          .timestamp = reader.get<std::uint32_t>(),
                          .reason = static_cast<packet::Refusal>(1 + random_.below(9)),
                          .value = static_cast<std::uint32_t>(random_.below(2000))};
    if (refuse.reason == packet::Refusal::retry)
      refuse.cookie.fill(static_cast<std::byte>(random_.next() | 1));
    if (refuse.reason == packet::Refusal::version) refuse.version_min = refuse.version_max = 7;
    bytes.resize(packet::refuse_bytes);
    packet::encode(refuse, bytes);
  }

  std::size_t aligned(const Bytes& bytes, std::size_t width) {
    const std::size_t at = somewhere_in(bytes) / width * width;
    return std::min(at, bytes.size() - width);
  }

  Random& random_;
};

struct RelayOptions {
  using Deliver = std::function<void(Bytes)>;

  double probability = 0;
  std::uint64_t tricks = changes;
  std::optional<std::uint64_t> only = {};  // this datagram alone, counted from 0, for certain
  // In place of these: what it does to each datagram, and beside it. False: the datagram does not pass.
  std::function<bool(Bytes&, const Deliver&)> script = {};
};

// Stands on the way, in one direction.
class Relay : public Destination {
 public:
  Relay(Timeline& timeline, Destination& to, const RelayOptions& options, std::uint64_t seed)
      : timeline_(timeline), to_(to), options_(options), random_(seed) {}

  void on_packet(Packet& packet) override {
    remember(packet);
    const bool is_hit = options_.only ? *options_.only == passed_++ : random_.happens(options_.probability);
    if (options_.script) return follow_script(packet);
    if (!is_hit) return to_.on_packet(packet);
    const auto trick = static_cast<Trick>(random_.below(options_.tricks));
    if (trick == Trick::drop) return;
    if (trick == Trick::hold_back) return later(packet);
    if (trick == Trick::replay) {
      Packet old = seen_[random_.below(seen_.size())];
      old.from = packet.from;
      to_.on_packet(packet);
      return random_.happens(0.5) ? later(old) : to_.on_packet(old);
    }
    // Instead of the genuine one, or in front of it.
    Packet forged = packet;
    forger_.apply(trick, forged.payload);
    to_.on_packet(forged);
    if (random_.happens(0.3)) to_.on_packet(packet);
  }

 private:
  static constexpr std::size_t remembered = 64;

  void follow_script(Packet& packet) {
    const auto deliver = [&](Bytes bytes) {
      Packet forged = packet;
      forged.payload = std::move(bytes);
      packet::seal_datagram(forged.payload);
      to_.on_packet(forged);
    };
    if (!options_.script(packet.payload, deliver)) return;
    packet::seal_datagram(packet.payload);
    to_.on_packet(packet);
  }

  void remember(const Packet& packet) {
    if (seen_.size() < remembered)
      seen_.push_back(packet);
    else
      seen_[random_.below(remembered)] = packet;
  }
  void later(const Packet& packet) {
    timeline_.call(timeline_.now() + random_.up_to(50ms),
                   [this, held = packet]() mutable { to_.on_packet(held); });
  }

  Timeline& timeline_;
  Destination& to_;
  const RelayOptions options_;
  Random random_;
  Forger forger_{random_};
  std::vector<Packet> seen_;
  std::uint64_t passed_ = 0;
};

// Looks at every chunk as it is given out, as a consumer would that does not wait for the end.
class WatchfulSink : public SimulatedSink {
 public:
  WatchfulSink(const Timeline& timeline, Trace& trace, const core::PullState::Options& options,
               std::span<const std::byte> content)
      : SimulatedSink(timeline, trace, 0), state_(options, *this), content_(content) {}

  bool gave_out_others() const { return gave_out_others_; }

  bool is_exact(std::span<const std::byte> content) override {
    if (error() || !state_.complete()) return false;
    const auto view = state_.view_all();
    return view && std::ranges::equal(view->bytes(), content);
  }
  bool recognizes(const Description& description) const override { return state_.recognizes(description); }
  Result<void> on_manifest(const Manifest& manifest) override {
    auto extent = state_.begin(manifest);
    if (!extent) return refuse(std::move(extent).error());
    auto region = core::HeapRegion::make_for(manifest, extent->range.length);
    if (!region) return refuse(std::move(region).error());
    state_.use(core::store_in_region(*extent, std::move(*region)));
    if (state_.complete()) done();
    return {};
  }
  std::optional<Placement> place(ChunkIndex chunk) override { return state_.place(chunk); }
  ChunkVerdict on_chunk(ChunkIndex chunk) override {
    const ChunkVerdict verdict = state_.on_chunk(chunk).value();
    while (const auto view = state_.take_next())
      gave_out_others_ |= view->offset() + view->size() > content_.size() ||
                          !std::ranges::equal(view->bytes(), content_.subspan(view->offset(), view->size()));
    if (state_.complete()) done();
    return verdict;
  }
  ChunkRange wanted() const override { return state_.wanted(); }
  Result<void> on_final_size(const FinalSize& size) override {
    auto cut = state_.on_final_size(size);
    if (!cut) return refuse(std::move(cut).error());
    if (state_.complete()) done();
    return {};
  }

 private:
  tl::unexpected<Error> refuse(const Error& error) {
    on_end(error);
    return fail(error);
  }

  core::PullState state_;
  const std::span<const std::byte> content_;
  bool gave_out_others_ = false;
};

enum class Kind { sealed, growing, rooted };
enum class Outcome { exact, error, running, other_bytes };

struct Ending {
  Outcome outcome = Outcome::running;
  std::optional<Error> error;
  Duration took{};
};

// A pull through two relays.
class TamperedPull {
 public:
  static constexpr std::uint32_t chunk_bytes = 4096;
  static constexpr std::uint64_t size = 40 * chunk_bytes + 1234;
  static constexpr std::uint64_t capacity = 100 * chunk_bytes;

  TamperedPull(Kind kind, std::uint64_t seed, const RelayOptions& down, const RelayOptions& up,
               Duration writes_every = 3ms)
      : seed_(seed),
        writes_every_(writes_every),
        content_(pattern(size, seed + 1)),
        exposer_(timeline_, packets_, {}, seed),
        down_(timeline_, packets_, {}, seed * 2),
        up_(timeline_, packets_, {}, seed * 2 + 1),
        to_exposer_(timeline_, exposer_, up, seed * 2 + 1'000'003) {
    expose(kind);
    auto sink = std::make_unique<WatchfulSink>(timeline_, trace_, pull_, content_);
    sink_ = sink.get();
    puller_.emplace(timeline_, SimulatedPuller::Uplink{up_, packets_, to_exposer_, 0},
                    std::make_shared<packet::Path>(packet::Path::Options{.mtu = 1500}), std::move(sink),
                    content_);
    to_puller_.emplace(timeline_, puller_->destination(), down, seed * 2 + 2'000'003);
    exposer_.add_puller({&down_, &*to_puller_});
  }

  Ending run(Duration limit) {
    const TimePoint start = timeline_.now();
    puller_->start({id_, seed_ << 32 | 7, 10s});
    while (!puller_->is_done() && timeline_.step(timeline_.start() + limit)) continue;
    Ending ending{.outcome = Outcome::running, .error = puller_->error(), .took = timeline_.now() - start};
    if (puller_->is_done()) ending.outcome = Outcome::other_bytes;
    if (puller_->error()) ending.outcome = Outcome::error;
    if (puller_->is_exact()) ending.outcome = Outcome::exact;
    if (sink_->gave_out_others()) ending.outcome = Outcome::other_bytes;
    return ending;
  }

 private:
  void expose(Kind kind) {
    Manifest manifest = Manifest::make(kind == Kind::growing ? capacity : size, "tampered with").value();
    for (std::size_t i = 0; i < sizeof seed_; ++i)
      manifest.id.bytes[i] = static_cast<std::byte>(seed_ >> (8 * i));
    std::fill(manifest.id.bytes.begin() + 8, manifest.id.bytes.end(), std::byte{0x5a});
    manifest.chunk_bytes = chunk_bytes;
    id_ = manifest.id;
    const Key key = key_of(static_cast<std::uint8_t>(seed_ + 1));
    pull_.max_size = 64 << 20;
    if (kind != Kind::rooted) pull_.key = key;
    if (kind == Kind::rooted) {
      auto rooted = rooted_store(manifest, content_);
      pull_.root = rooted.root;
      return add(rooted.store);
    }
    if (kind == Kind::sealed) return add(sealed_store(manifest, content_, key));
    manifest.size_pending = true;
    growing_.emplace(manifest, key);
    add(growing_->store());
    write();
  }
  void add(const std::shared_ptr<core::SurfaceStore>& store) {
    if (!exposer_.engine().add(store, std::make_shared<core::Counters>())) std::abort();
  }
  void write() {
    const std::uint32_t chunks = Manifest::chunks_in(size, chunk_bytes);
    for (std::uint32_t chunk = 0; chunk < chunks; ++chunk)
      timeline_.call(timeline_.start() + (chunk + 1) * writes_every_,
                     [this, chunk, is_last = chunk + 1 == chunks] {
                       if (is_last) growing_->set_final_size(size);
                       growing_->publish(ChunkIndex{chunk}, content_);
                       if (is_last) growing_->store()->end(SurfaceState::finished);
                       exposer_.on_growth(id_);
                     });
  }

  const std::uint64_t seed_;
  const Duration writes_every_;
  const std::vector<std::byte> content_;
  SurfaceId id_;
  core::PullState::Options pull_;
  Timeline timeline_;
  Packets packets_;
  Trace trace_;
  ExposerHost exposer_;
  Link down_;
  Link up_;
  Relay to_exposer_;
  std::optional<SealedSurface> growing_;
  WatchfulSink* sink_ = nullptr;
  std::optional<SimulatedPuller> puller_;
  std::optional<Relay> to_puller_;
};

std::string describe(Kind kind, std::uint64_t seed, const Ending& ending) {
  const char* const kinds[] = {"sealed", "growing", "rooted"};
  return std::string(kinds[static_cast<int>(kind)]) + ", seed " + std::to_string(seed) + ", after " +
         std::to_string(ending.took / 1ms) + " ms, error " +
         (ending.error ? ending.error->message() : "none");
}

constexpr Kind all_kinds[] = {Kind::sealed, Kind::growing, Kind::rooted};
constexpr std::uint64_t seeds = 40;

// How many of them come to their end with every byte. The others may end with an error, or not at all.
std::uint64_t exact_pulls(Kind kind, const RelayOptions& options) {
  std::uint64_t exact = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Ending ending = TamperedPull(kind, seed, options, options).run(60s);
    EXPECT_NE(ending.outcome, Outcome::other_bytes) << describe(kind, seed, ending);
    EXPECT_EQ(ending.outcome == Outcome::error, ending.error.has_value()) << describe(kind, seed, ending);
    exact += ending.outcome == Outcome::exact ? 1 : 0;
  }
  return exact;
}

TEST(Tampering, NothingHappensToAPullThatNobodyTampersWith) {
  for (const Kind kind : all_kinds) EXPECT_EQ(exact_pulls(kind, {}), seeds);
}

TEST(Tampering, WithOneDatagramInTwentyNoPullEndsWithOtherBytesAndFewEndEarly) {
  for (const Kind kind : all_kinds)
    for (const std::uint64_t tricks : {changes, all_tricks})
      EXPECT_GE(exact_pulls(kind, {.probability = 0.05, .tricks = tricks}), seeds * 9 / 10);
}

TEST(Tampering, NorWithOneInFive) {
  for (const Kind kind : all_kinds)
    for (const std::uint64_t tricks : {changes, all_tricks})
      EXPECT_GE(exact_pulls(kind, {.probability = 0.2, .tricks = tricks}), seeds / 2);
}

TEST(Tampering, NorWithMostOfThem) {
  for (const Kind kind : all_kinds) (void)exact_pulls(kind, {.probability = 0.6, .tricks = all_tricks});
}

// Whoever replaces a whole chunk can make its checksum right, and nothing else of its trailer.
RelayOptions replaced_chunk() {
  return {.script = [](Bytes& bytes, const RelayOptions::Deliver&) {
    constexpr ChunkIndex chunk{5};
    const auto data = packet::parse_data(bytes);
    if (!data || data->chunk != chunk) return true;
    Bytes forged = pattern(TamperedPull::chunk_bytes, 99);
    const core::Tag tag = core::chunk_tag(chunk, forged);
    forged.insert(forged.end(), tag.begin(), tag.end());
    const std::size_t slice_bytes = bytes.size() - packet::header_bytes;
    const std::size_t from = std::min(forged.size(), data->slice * slice_bytes);
    const auto part = std::span(forged).subspan(from, std::min(slice_bytes, forged.size() - from));
    std::ranges::copy(part, bytes.begin() + packet::header_bytes);
    return true;
  }};
}
// Genuine bytes in a place that is not theirs.
RelayOptions exchanged_chunks() {
  return {.script = [](Bytes& bytes, const RelayOptions::Deliver&) {
    auto data = packet::parse_data(bytes);
    if (data && data->chunk.value / 2 == 3) {
      data->chunk.value ^= 1;
      packet::encode(*data, bytes);
    }
    return true;
  }};
}

TEST(Tampering, AChunkThatSomebodyElseMadeOrMovedIsNeverGivenOut) {
  for (const Kind kind : all_kinds)
    for (const RelayOptions& script : {replaced_chunk(), exchanged_chunks()}) {
      const Ending ending = TamperedPull(kind, 1, script, {}).run(60s);
      EXPECT_EQ(ending.outcome, Outcome::error) << describe(kind, 1, ending);
      ASSERT_TRUE(ending.error);
      EXPECT_EQ(ending.error->code, Errc::corrupted) << describe(kind, 1, ending);
    }
}

TEST(Tampering, WithOneDatagramInTwentyEverySealedPullIsExactInTheEnd) {
  for (const Kind kind : {Kind::sealed, Kind::growing})
    EXPECT_EQ(exact_pulls(kind, {.probability = 0.05, .tricks = all_tricks}), seeds);
}

// Each of the first ones, which bring the manifest and the cookie, and some later ones.
void expect_that_one_forgery_ends_no_pull(Kind kind) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const RelayOptions one{.tricks = all_tricks, .only = seed % 4 == 3 ? seed % 50 : seed % 3};
    const RelayOptions none;
    for (const bool is_request : {false, true}) {
      const Ending ending =
          TamperedPull(kind, seed, is_request ? none : one, is_request ? one : none).run(60s);
      EXPECT_EQ(ending.outcome, Outcome::exact) << describe(kind, seed, ending);
      EXPECT_LT(ending.took, 1s) << describe(kind, seed, ending);
    }
  }
}

TEST(Tampering, OneForgedDatagramEndsNoSealedPull) { expect_that_one_forgery_ends_no_pull(Kind::sealed); }
TEST(Tampering, NorOneOfASurfaceThatGrows) { expect_that_one_forgery_ends_no_pull(Kind::growing); }
TEST(Tampering, NorOneUnderARoot) { expect_that_one_forgery_ends_no_pull(Kind::rooted); }

// Once, with the first datagram of this type. `forge` gets the genuine one's bytes.
RelayOptions once(packet::Type type, std::function<void(const Bytes&, const RelayOptions::Deliver&)> forge) {
  return {.script = [type, forge = std::move(forge), left = 1](Bytes& bytes,
                                                               const RelayOptions::Deliver& deliver) mutable {
    if (static_cast<packet::Type>(bytes[3]) == type && left > 0) {
      --left;
      forge(bytes, deliver);
    }
    return true;
  }};
}

template <class Message>
Bytes encoded(const Message& message) {
  Bytes bytes(packet::max_datagram_bytes);
  bytes.resize(packet::encode(message, bytes));
  return bytes;
}

constexpr std::uint32_t minutes_ahead = 20 * 60 * 1'000'000U;
const packet::Cookie no_ones_cookie = [] {
  packet::Cookie cookie;
  cookie.fill(std::byte{0x66});
  return cookie;
}();

void forge_retry(const packet::Data& data, const RelayOptions::Deliver& deliver) {
  deliver(encoded(packet::Refuse{.pull_id = data.pull_id,
                                 .timestamp = data.timestamp + minutes_ahead,
                                 .reason = packet::Refusal::retry,
                                 .cookie = no_ones_cookie}));
}

// A timestamp that the puller has not come to yet makes whatever is genuine look old.
TEST(Forging, ACookieFromTheFutureDoesNotStopAPull) {
  const RelayOptions retry = once(packet::Type::data, [](const Bytes& bytes, const auto& deliver) {
    forge_retry(packet::parse_data(bytes).value(), deliver);
  });
  const Ending ending = TamperedPull(Kind::sealed, 1, retry, {}).run(120s);
  EXPECT_EQ(ending.outcome, Outcome::exact) << describe(Kind::sealed, 1, ending);
  EXPECT_LT(ending.took, 1s);
}

TEST(Forging, NorDoTwoOfThemThatLastAnHour) {
  RelayOptions both{
      .script = [manifest = Bytes{}, left = 1](Bytes& bytes, const RelayOptions::Deliver& deliver) mutable {
        if (packet::parse_manifest_answer(bytes)) manifest = bytes;
        if (const auto data = packet::parse_data(bytes); data && left-- > 0) {
          auto answer = packet::parse_manifest_answer(manifest).value();
          answer.timestamp += minutes_ahead;
          answer.cookie = no_ones_cookie;
          answer.cookie_lifetime_ms = 3'600'000;
          deliver(encoded(answer));
          forge_retry(*data, deliver);
        }
        return true;
      }};
  const Ending ending = TamperedPull(Kind::sealed, 1, both, {}).run(120s);
  EXPECT_EQ(ending.outcome, Outcome::exact) << describe(Kind::sealed, 1, ending);
  EXPECT_LT(ending.took, 1s);
}

// The writer takes its time: between two chunks nothing is heard for longer than a refused pull goes on.
TEST(Forging, ARefusalIsForgottenOnceThereIsDataAgain) {
  const RelayOptions refusal = once(packet::Type::data, [](const Bytes& bytes, const auto& deliver) {
    const auto data = packet::parse_data(bytes).value();
    deliver(encoded(packet::Refuse{
        .pull_id = data.pull_id, .timestamp = data.timestamp, .reason = packet::Refusal::denied}));
  });
  const Ending ending = TamperedPull(Kind::growing, 1, refusal, {}, 100ms).run(60s);
  EXPECT_EQ(ending.outcome, Outcome::exact) << describe(Kind::growing, 1, ending);
}

TEST(Forging, ARequestForAnotherSurfaceIsRefusedAndEndsNothing) {
  const RelayOptions other{.script = [left = 1](Bytes& bytes, const RelayOptions::Deliver&) mutable {
    if (packet::parse_poll(bytes) && left-- > 0) bytes[40] ^= std::byte{1};
    return true;
  }};
  const Ending ending = TamperedPull(Kind::growing, 1, {}, other, 100ms).run(60s);
  EXPECT_EQ(ending.outcome, Outcome::exact) << describe(Kind::growing, 1, ending);
}

// Nothing in a manifest alone tells whether it is the one that the root names: chunks do.
TEST(Forging, AnotherManifestUnderARootIsNotHeldOn) {
  const RelayOptions renamed{.script = [left = 1](Bytes& bytes, const RelayOptions::Deliver&) mutable {
    if (packet::parse_manifest_answer(bytes) && left-- > 0) bytes[72 + 49] ^= std::byte{1};
    return true;
  }};
  const Ending ending = TamperedPull(Kind::rooted, 1, renamed, {}).run(60s);
  EXPECT_EQ(ending.outcome, Outcome::exact) << describe(Kind::rooted, 1, ending);
}

// More than there will ever be: what the exposer counts from then on is less.
TEST(Forging, ACountOfChunksThatIsALieDoesNotHideTheEnd) {
  for (const std::uint32_t lie : {50U, 80U, 100U}) {
    const RelayOptions announce =
        once(packet::Type::announce, [lie](const Bytes& bytes, const auto& deliver) {
          auto forged = packet::parse_announce(bytes).value();
          forged.published_to = lie;
          deliver(encoded(forged));
        });
    const Ending ending = TamperedPull(Kind::growing, 1, announce, {}).run(120s);
    EXPECT_EQ(ending.outcome, Outcome::exact) << describe(Kind::growing, 1, ending);
    EXPECT_LT(ending.took, 1s) << lie;
  }
}

// The last chunk of a surface that grew is stored in full, zeros behind its end. Whoever makes a puller ask
// for it, and keeps the end from it, must not have it take these for content.
TEST(Forging, ZerosBehindTheEndAreNeverGivenOut) {
  const RelayOptions hidden_end{.script = [](Bytes& bytes, const RelayOptions::Deliver&) {
    if (const auto answer = packet::parse_manifest_answer(bytes)) return !answer->final_size_known;
    auto announce = packet::parse_announce(bytes);
    if (!announce) return true;
    announce->final_size_known = false;
    announce->final_size = 0;
    announce->end_tag = {};
    announce->bitmap[0] |= std::uint64_t{1} << (TamperedPull::size / TamperedPull::chunk_bytes);
    bytes = encoded(*announce);
    return true;
  }};
  const Ending ending = TamperedPull(Kind::growing, 1, hidden_end, {}).run(20s);
  EXPECT_NE(ending.outcome, Outcome::other_bytes) << describe(Kind::growing, 1, ending);
}

}  // namespace
}  // namespace rgtp::test
