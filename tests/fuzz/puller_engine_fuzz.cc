// Whatever datagrams come to a pull: its engine does not crash or turn in circles, what it sends parses, and
// no wrong byte is ever verified. The surface is finished, or grows: then nothing is asked for that nobody
// announced, or behind the end.
#include <algorithm>

#include "fuzz/input.h"
#include "fuzz/require.h"
#include "packet/puller_engine.h"
#include "packet/slicing.h"
#include "support/datagrams.h"
#include "support/memory_sink.h"
#include "support/pattern.h"

namespace {

using namespace rgtp;
using namespace rgtp::packet;

constexpr std::uint64_t pull_id = 0x0102030405060708;
constexpr std::size_t surface_bytes = 5 * 4096 - 100;

// Takes no manifest but the right one: another is a lie that no check finds.
class OneSurfaceSink : public test::MemorySink {
 public:
  explicit OneSurfaceSink(const Manifest& manifest) : right_(manifest) {}
  Result<void> on_manifest(const Manifest& manifest) override {
    if (manifest != right_) return fail(Errc::malformed_data, "another manifest");
    return MemorySink::on_manifest(manifest);
  }
  void on_end(Error error) override {
    REQUIRE(ends() == 0);
    MemorySink::on_end(std::move(error));
  }

 private:
  const Manifest right_;
};

class Puller {
 public:
  enum class Kind { finished, growing };

  explicit Puller(Kind kind)
      : kind_(kind),
        store_(test::published_store(manifest(kind), test::pattern(manifest(kind).stored_bytes()))) {
    engine_.emplace(now_, options(), path_, sink_);
  }

  void step(fuzz::Input& input) {
    const std::uint8_t command = input.byte();
    switch (command % 14) {
      case 12:
      case 13: receive_announce(input); break;
      case 0: receive_raw(input); break;
      case 1: receive_manifest(input); break;
      case 2:
      case 3:
      case 4: receive_data(input); break;
      case 5: answer_last(input.byte()); break;
      case 6: receive_refusal(input); break;
      case 7: engine_->handle_unreachable(now_); break;
      case 8: now_ += std::chrono::microseconds(input.word()); break;
      case 9: now_ += std::chrono::milliseconds(input.word()); break;
      case 10: sink_.want({ChunkIndex{input.byte() % 7U}, ChunkIndex{input.byte() % 6U}}); break;
      default: now_ = std::max(now_, std::min(engine_->poll_timeout(now_), now_ + std::chrono::seconds(20)));
    }
    run();
    require_right_bytes();
  }
  void finish() {
    engine_.reset();
    REQUIRE(path_.in_flight() == 0);
  }

 private:
  PullerEngine::Options options() const { return {store_->manifest().id, pull_id, std::chrono::seconds(10)}; }
  static Manifest manifest(Kind kind) {
    Manifest manifest = test::manifest_of(surface_bytes);
    manifest.size_pending = kind == Kind::growing;
    manifest.id = SurfaceId{};
    return manifest;
  }

  void deliver(std::span<const std::byte> datagram) { engine_->handle_datagram(now_, datagram); }

  void receive_raw(fuzz::Input& input) {
    const std::uint8_t flags = input.byte();
    const auto bytes = input.bytes(input.word() % (max_datagram_bytes + 10));
    std::vector<std::byte> datagram(bytes.begin(), bytes.end());
    if ((flags & 1) != 0) {
      constexpr std::size_t lengths[] = {manifest_datagram_bytes, refuse_bytes, header_bytes + 1371,
                                         announce_base_bytes + word_bytes};
      if ((flags & 2) != 0) datagram.resize(lengths[flags / 4 % 4]);
      datagram.resize(std::max(datagram.size(), header_bytes));
      std::array<std::byte, header_bytes> header;
      encode(Data{.pull_id = pull_id}, header);
      std::copy_n(header.begin(), 3, datagram.begin());
      std::copy_n(header.begin() + 8, 8, datagram.begin() + 8);
      seal_datagram(datagram);
    }
    deliver(datagram);
  }
  void receive_manifest(fuzz::Input& input) {
    const std::uint8_t flags = input.byte();
    ManifestAnswer answer{.pull_id = pull_id,
                          .timestamp = encode_timestamp(now_) - input.word(),
                          .final_size_known = true,
                          .cookie_lifetime_ms = flags < 200 ? 120'000U : flags * 10U,
                          .published = store_->published(),
                          .final_size = surface_bytes,
                          .cookie = test::cookie_of(flags)};
    if (kind_ == Kind::growing) {
      answer.published = flags / 16 % 8;
      answer.final_size_known = flags % 4 == 0;
      answer.final_size = answer.final_size_known ? surface_bytes - flags * 64U : 0;
    }
    note(answer.published, answer.final_size_known, answer.final_size);
    core::encode_manifest(store_->manifest(), answer.manifest);
    if (flags % 16 == 15) answer.manifest[input.word() % answer.manifest.size()] = std::byte{input.byte()};
    deliver(test::datagram_of(answer));
  }
  void receive_announce(fuzz::Input& input) {
    const std::uint8_t flags = input.byte();
    Announce announce{.pull_id = pull_id, .timestamp = 0, .words = {0, 1}};
    announce.bitmap[0] = flags / 8;
    announce.published_to = static_cast<std::uint32_t>(std::popcount(announce.bitmap[0]));
    const std::uint8_t more = input.byte();
    if (more % 4 == 1) announce.published_to = more / 4 % 8;
    if (more % 4 == 2) announce.final_size_known = true;
    if (announce.final_size_known) announce.final_size = surface_bytes - more / 64 * 4096U;
    if (more == 255) {
      announce.words = {input.word(), static_cast<std::uint16_t>(1 + input.byte() % max_announce_words)};
      announce.bitmap[input.byte() % announce.words.count] = input.word();
      announce.published_from = input.byte();
    }
    note(announce.published_to, announce.final_size_known, announce.final_size);
    if (announce.words.first == 0) announced_ |= announce.bitmap[0];
    deliver(test::datagram_of(announce));
  }
  // What the engine may believe from now on.
  void note(std::uint32_t published, bool final_size_known, std::uint64_t final_size) {
    if (final_size_known) least_end_ = std::min(least_end_, Manifest::chunks_in(final_size, 4096));
    most_published_ = std::max(most_published_, published);
  }
  // DATA for any slice under any number, cut like the last request, mostly with the right bytes.
  void receive_data(fuzz::Input& input) {
    const std::uint8_t flags = input.byte();
    Data data{.pull_id = pull_id, .ask = input.byte(), .timestamp = 0};
    data.chunk = ChunkIndex{flags % 6U};
    data.slice = static_cast<std::uint16_t>(input.byte() % 12);
    data.service_delay = input.byte();
    if (flags >= 250) data.slice = input.word();
    if (flags == 255) data.ask *= 0x1234567;
    std::vector<std::byte> payload(slice_bytes_);
    if (data.chunk.value < 5) payload = test::slice_of(*store_, data.chunk, data.slice, slice_bytes_);
    if (flags % 32 >= 28) payload[input.word() % payload.size()] ^= std::byte{input.byte()};
    deliver(test::data_datagram(data, payload));
  }
  // What was asked for last arrives, some slices of it left out.
  void answer_last(std::uint8_t left_out) {
    if (!last_) return;
    std::uint32_t ask = last_->first_ask;
    for (const Run& run : last_->asked())
      for (std::uint16_t i = 0; i < run.count; ++i, ++ask) {
        if ((left_out >> (ask % 8) & 1) != 0) continue;
        const Data data{.pull_id = pull_id,
                        .ask = ask,
                        .timestamp = last_->timestamp,
                        .chunk = run.chunk,
                        .slice = static_cast<std::uint16_t>(run.first + i)};
        deliver(
            test::data_datagram(data, test::slice_of(*store_, run.chunk, data.slice, last_->slice_bytes)));
      }
  }
  void receive_refusal(fuzz::Input& input) {
    Refuse refuse{.pull_id = pull_id, .value = 0};
    refuse.reason = static_cast<Refusal>(1 + input.byte() % 9);
    refuse.value = input.word();
    const std::uint8_t cookie = input.byte() % 3;
    if (refuse.reason == Refusal::retry) refuse.cookie = test::cookie_of(cookie);
    deliver(test::datagram_of(refuse));
  }

  // Time stands still until the engine has nothing more to do, which comes soon.
  void run() {
    int turns = 0;
    do {
      REQUIRE(++turns < 100);
      engine_->handle_timeout(now_);
      transmit();
    } while (engine_->poll_timeout(now_) <= now_);
  }
  void transmit() {
    std::array<std::byte, PullerEngine::max_transmit_bytes> buffer;
    int sent = 0;
    while (const std::size_t size = engine_->poll_transmit(now_, buffer)) {
      REQUIRE(++sent < 1000 && size <= buffer.size());
      const auto datagram = std::span(buffer).first(size);
      REQUIRE(check_matches(datagram));
      if (parse_hello(datagram)) continue;
      if (const auto poll = parse_poll(datagram)) {
        REQUIRE(poll->cookie != Cookie{} && poll->words == (WordRange{0, 1}));
        continue;
      }
      const auto pull = parse_pull(datagram);
      REQUIRE(pull && pull->cookie != Cookie{});
      REQUIRE(is_valid_slice_bytes(store_->manifest(), pull->slice_bytes));
      for (const Run& run : pull->asked()) {
        REQUIRE(run.chunk.value < store_->manifest().chunk_count());
        REQUIRE(!sink_.final_size() || run.chunk.value < Manifest::chunks_in(*sink_.final_size(), 4096));
        REQUIRE(kind_ == Kind::finished || (announced_ >> run.chunk.value & 1) != 0 ||
                most_published_ >= least_end_);
        REQUIRE(run.first + run.count <= slices_of(store_->manifest(), run.chunk, pull->slice_bytes));
      }
      slice_bytes_ = pull->slice_bytes;
      last_ = pull;
    }
  }
  void require_right_bytes() {
    if (!sink_.manifest()) return;
    for (std::uint32_t chunk = 0; chunk < store_->manifest().chunk_count(); ++chunk)
      if (sink_.is_there(ChunkIndex{chunk}))
        REQUIRE(std::ranges::equal(test::chunk_of(store_->manifest(), ChunkIndex{chunk}, sink_.bytes()),
                                   test::chunk_of(store_->manifest(), ChunkIndex{chunk}, store_->mapped())));
  }

  const Kind kind_;
  const std::shared_ptr<core::SurfaceStore> store_;
  TimePoint now_ = test::start_time;
  Path path_{Path::Options{IpVersion::v4, 1500, 212'992}};
  OneSurfaceSink sink_{store_->manifest()};
  std::optional<PullerEngine> engine_;
  std::optional<PullRequest> last_;
  std::uint16_t slice_bytes_ = 1371;
  std::uint64_t announced_ = 0;
  std::uint32_t most_published_ = 0;
  std::uint32_t least_end_ = 5;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Puller puller(input.byte() % 2 == 0 ? Puller::Kind::finished : Puller::Kind::growing);
  for (int steps = 0; steps < 300 && !input.empty(); ++steps) puller.step(input);
  puller.finish();
  return 0;
}
