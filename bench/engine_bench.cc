// What the engines of the packet transport do, without sockets: the exposer's answer to each request, the
// puller's share of each DATA, and whole pulls through both.
//
//     engine_bench [--benchmark_filter=REGEX]
//
// Bytes are those of the surface. Checks, tags and the copies into the puller's memory are included, as they
// are in a pull.
#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/counters.h"
#include "core/crypto.h"
#include "core/heap_region.h"
#include "core/pull_state.h"
#include "core/surface_store.h"
#include "packet/exposer_engine.h"
#include "packet/puller_engine.h"
#include "packet/slicing.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

using Bytes = std::vector<std::byte>;
using Clock = std::chrono::steady_clock;

const TimePoint start{1000s};
constexpr std::array<std::byte, 32> secret{};
constexpr std::uint64_t pull_id = 0x1234;

std::shared_ptr<core::SurfaceStore> a_surface(std::uint64_t size) {
  const Manifest manifest = Manifest::make(size).value();
  auto region = core::HeapRegion::make(manifest.size).value();
  auto store = std::make_shared<core::SurfaceStore>(manifest, region);
  for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value) {
    const auto bytes = region->writable().subspan(manifest.offset_of(chunk), manifest.length_of(chunk));
    core::fill_random(bytes);
    store->publish(chunk, core::chunk_tag(chunk, bytes));
  }
  store->end(SurfaceState::finished);
  return store;
}

// An exposer of one surface, and a puller of it who has a cookie.
struct Exposing {
  explicit Exposing(std::uint64_t size) : store(a_surface(size)) {
    if (!engine.add(store, std::make_shared<core::Counters>())) std::abort();
  }

  const Manifest& manifest() const { return store->manifest(); }
  Cookie cookie() const { return CookieJar(secret).make({}, start); }
  std::uint16_t slice_bytes(std::int64_t mtu) const {
    return slice_bytes_for(manifest(), slice_capacity_of(static_cast<std::uint32_t>(mtu), IpVersion::v4));
  }

  const std::shared_ptr<core::SurfaceStore> store;
  ExposerEngine engine{secret, {.prefix_bytes_per_second = 0}};  // time stands still here
};

void append(const Train::Datagram& datagram, Bytes& out) {
  out.insert(out.end(), datagram.header.begin(), datagram.header.end());
  out.insert(out.end(), datagram.payload.begin(), datagram.payload.end());
}

// A request in, a train out.
template <class Message, class IsRight>
void answer(benchmark::State& state, ExposerEngine& engine, const Message& message, const IsRight& is_right) {
  Bytes request(max_datagram_bytes);
  request.resize(encode(message, request));
  seal_datagram(request);
  Train train;
  engine.handle_datagram(start, {}, request);
  if (!engine.poll_transmit(start, train) || !is_right(train)) return state.SkipWithError("a wrong answer");
  bool all_answered = true;
  for ([[maybe_unused]] auto _ : state) {
    engine.handle_datagram(start, {}, request);
    all_answered &= engine.poll_transmit(start, train);
    benchmark::ClobberMemory();
  }
  if (!all_answered || !is_right(train)) state.SkipWithError("a wrong answer");
  state.SetItemsProcessed(state.iterations());
}

bool is_data_of(const Store& store, const PullRequest& pull, const Train& train) {
  Bytes expected(pull.slice_bytes);
  const Run run = pull.runs.front();
  std::uint32_t slice = run.first;
  for (const Train::Datagram& sent : train.datagrams()) {
    Bytes datagram;
    append(sent, datagram);
    const auto data = parse_data(datagram);
    const auto read = store.read(run.chunk, slice * pull.slice_bytes, expected, ReadMode::may_block);
    if (!data || !check_matches(datagram) || data->slice != slice++ || !read ||
        !std::ranges::equal(sent.payload, expected))
      return false;
  }
  return slice == std::uint32_t{run.first} + run.count;
}

void answer_a_pull(benchmark::State& state) {
  Exposing exposing(1 << 20);
  PullRequest pull{.pull_id = pull_id,
                   .slice_bytes = exposing.slice_bytes(state.range(0)),
                   .run_count = 1,
                   .id = exposing.manifest().id,
                   .cookie = exposing.cookie()};
  pull.runs[0] = {ChunkIndex{1}, 0, static_cast<std::uint16_t>(state.range(1))};
  answer(state, exposing.engine, pull,
         [&](const Train& train) { return is_data_of(*exposing.store, pull, train); });
  state.SetBytesProcessed(state.iterations() * state.range(1) * pull.slice_bytes);
}
// One slice, and the longest train.
BENCHMARK(answer_a_pull)->ArgNames({"mtu", "slices"})->Args({1500, 1})->Args({1500, 44})->Args({9000, 7});

template <class Parse>
bool is_one(const Train& train, const Parse& parse) {
  if (train.datagrams().size() != 1) return false;
  Bytes datagram;
  append(train.datagrams().front(), datagram);
  return parse(datagram) && check_matches(datagram);
}

void answer_a_hello(benchmark::State& state) {
  Exposing exposing(1 << 20);
  const Hello hello{
      .pull_id = pull_id, .slice_capacity = 1440, .id = exposing.manifest().id, .cookie = exposing.cookie()};
  answer(state, exposing.engine, hello,
         [](const Train& train) { return is_one(train, parse_manifest_answer); });
}
BENCHMARK(answer_a_hello);

void answer_a_poll(benchmark::State& state) {
  Exposing exposing(16 << 20);
  const Poll poll{.pull_id = pull_id,
                  .words = {0, 4},
                  .rtt_us = 100,
                  .id = exposing.manifest().id,
                  .cookie = exposing.cookie()};
  answer(state, exposing.engine, poll, [](const Train& train) { return is_one(train, parse_announce); });
}
BENCHMARK(answer_a_poll);

// The receiving end of a pull into memory, as the library has it.
class MemorySink : public Sink {
 public:
  explicit MemorySink(std::shared_ptr<core::HeapRegion> region) : region_(std::move(region)) {}

  Result<void> on_manifest(const Manifest& manifest) override {
    auto extent = state_.begin(manifest);
    if (!extent) return fail(extent.error());
    state_.use(core::store_in_region(*extent, region_));
    return {};
  }
  bool adopt(std::shared_ptr<const Store> /*store*/) override { return false; }
  std::optional<Placement> place(ChunkIndex chunk) override { return state_.place(chunk); }
  ChunkVerdict on_chunk(ChunkIndex chunk) override {
    return state_.on_chunk(chunk).value_or(ChunkVerdict::again);
  }
  ChunkRange wanted() const override { return state_.wanted(); }
  Result<void> on_final_size(const FinalSize& size) override { return state_.on_final_size(size); }
  void on_end(Error /*error*/) override { ended_ = true; }
  Observer& observer() override { return counters_; }

  bool is_over() const { return ended_ || state_.complete(); }
  bool holds(const Store& store) const {
    return state_.complete() && std::ranges::equal(region_->mapped(), store.mapped());
  }

 private:
  const std::shared_ptr<core::HeapRegion> region_;
  core::Counters counters_;
  core::PullState state_{{}, counters_};
  bool ended_ = false;
};

// What arrives together: datagrams of one length, as a train has them.
struct Answers {
  TimePoint arrives;
  std::size_t datagrams = 0;
  Bytes bytes = {};

  std::size_t datagram_bytes() const { return bytes.size() / datagrams; }
  std::span<const std::byte> datagram(std::size_t i) const {
    return std::span(bytes).subspan(i * datagram_bytes(), datagram_bytes());
  }
};

// Both engines, and between them a path in virtual time that loses nothing and has no limit but the window.
class Pulling {
 public:
  static constexpr Duration round_trip = 100us;

  Pulling(std::int64_t size, std::int64_t mtu)
      : exposing_(static_cast<std::uint64_t>(size)),
        region_(core::HeapRegion::make(exposing_.manifest().size).value()),
        path_({.mtu = static_cast<std::uint32_t>(mtu),
               .receive_buffer = 4 << 20,
               .congestion = Congestion::fixed,
               .fixed_rate = 10'000'000'000}) {}

  void begin() {
    puller_.reset();
    on_the_way_.clear();
    sink_.emplace(region_);
    puller_.emplace(now_, PullerEngine::Options{.id = exposing_.manifest().id, .pull_id = pull_id}, path_,
                    *sink_);
  }
  bool is_over() const { return sink_->is_over(); }
  bool is_right() const { return sink_->holds(*exposing_.store); }

  // What arrives next; all that the puller asks for meanwhile is answered.
  Answers next_answers() {
    for (ask(); on_the_way_.empty(); ask()) {
      now_ = std::max(now_ + 1us, puller_->poll_timeout(now_));
      puller_->handle_timeout(now_);
    }
    Answers next = std::move(on_the_way_.front());
    on_the_way_.pop_front();
    now_ = std::max(now_, next.arrives);
    return next;
  }
  void take(const Answers& answers) {
    for (std::size_t i = 0; i < answers.datagrams; ++i) puller_->handle_datagram(now_, answers.datagram(i));
    benchmark::DoNotOptimize(puller_->poll_timeout(now_));
  }

 private:
  void ask() {
    while (const std::size_t size = puller_->poll_transmit(now_, request_)) {
      exposing_.engine.handle_datagram(now_, {}, std::span(request_).first(size));
      while (exposing_.engine.poll_transmit(now_, train_)) {
        on_the_way_.push_back({.arrives = now_ + round_trip, .datagrams = train_.datagrams().size()});
        Bytes& bytes = on_the_way_.back().bytes;
        bytes.reserve(train_.bytes());
        for (const Train::Datagram& datagram : train_.datagrams()) append(datagram, bytes);
      }
    }
  }

  Exposing exposing_;
  const std::shared_ptr<core::HeapRegion> region_;
  TimePoint now_ = start;
  Path path_;
  std::optional<MemorySink> sink_;
  std::optional<PullerEngine> puller_;
  Bytes request_ = Bytes(PullerEngine::max_transmit_bytes);
  Train train_;
  std::deque<Answers> on_the_way_;
};

// A train of DATA, with what the puller makes of it once it is there.
void take_a_train_of_data(benchmark::State& state) {
  Pulling pulling(16 << 20, state.range(0));
  pulling.begin();
  std::size_t datagrams = 0;
  std::size_t bytes = 0;
  bool all_right = true;
  for ([[maybe_unused]] auto _ : state) {
    if (pulling.is_over()) {
      all_right &= pulling.is_right();
      pulling.begin();
    }
    auto answers = pulling.next_answers();
    for (; !parse_data(answers.datagram(0)); answers = pulling.next_answers()) pulling.take(answers);
    const auto began = Clock::now();
    pulling.take(answers);
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - began).count());
    datagrams += answers.datagrams;
    bytes += answers.datagrams * (answers.datagram_bytes() - header_bytes);
  }
  while (!pulling.is_over()) pulling.take(pulling.next_answers());
  if (!all_right || !pulling.is_right()) state.SkipWithError("the surface is not what was exposed");
  state.SetItemsProcessed(static_cast<std::int64_t>(datagrams));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(take_a_train_of_data)->ArgName("mtu")->Arg(1500)->Arg(9000)->UseManualTime();

// From HELLO to the last chunk, both sides in one thread, with a copy between them as the kernel makes.
void pull_through_both_engines(benchmark::State& state) {
  Pulling pulling(state.range(1), state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    pulling.begin();
    while (!pulling.is_over()) pulling.take(pulling.next_answers());
  }
  if (!pulling.is_right()) state.SkipWithError("the surface is not what was exposed");
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(1));
}
BENCHMARK(pull_through_both_engines)
    ->ArgNames({"mtu", "bytes"})
    ->ArgsProduct({{1500, 9000}, {64 << 10, 16 << 20}});

}  // namespace
}  // namespace rgtp::packet
