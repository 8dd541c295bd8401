// The memory transport's own steps: opening a segment, publishing a chunk, and how soon another process sees
// it.
//
//     shm_bench [--benchmark_filter=REGEX]
//
// Segments are made in /dev/shm and withdrawn afterwards. Where others compete for the processors the mean of
// what is seen is theirs: look at median_us. growth_bench measures the way from publish() to a consumer's
// hands through the public API, memory_bench whole pulls.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/counters.h"
#include "core/crypto.h"
#include "core/surface_store.h"
#include "pipes.h"
#include "shm/exposed_segment.h"
#include "shm/opened_segment.h"
#include "shm/segment_follower.h"

namespace rgtp::shm {
namespace {

using namespace std::chrono_literals;

using Clock = std::chrono::steady_clock;

constexpr char directory[] = "/dev/shm";

std::int64_t now_ns() { return Clock::now().time_since_epoch().count(); }

// A surface under its name, of which nothing is published; withdrawn when it goes.
class Exposed {
 public:
  Exposed(std::uint64_t size, std::uint32_t chunk_bytes) {
    Manifest manifest = Manifest::make(size).value();
    manifest.chunk_bytes = chunk_bytes;
    segment_ =
        ExposedSegment::create(
            directory, {.kind = RegionKind::inline_bytes, .owner = {}, .manifest = manifest, .file = {}},
            Access::owner())
            .value();
    store_.emplace(manifest, std::make_shared<SegmentRegion>(segment_));
    if (!segment_->link()) bench::give_up(directory);
  }
  Exposed(const Exposed&) = delete;
  Exposed& operator=(const Exposed&) = delete;
  ~Exposed() { segment_->withdraw(); }

  core::SurfaceStore& store() { return *store_; }
  const Manifest& manifest() const { return store_->manifest(); }
  // Fills every chunk; what tags them.
  std::vector<core::Tag> write_all() {
    std::vector<std::byte> bytes(manifest().chunk_bytes);
    std::vector<core::Tag> tags;
    for (ChunkIndex chunk{0}; chunk.value < manifest().chunk_count(); ++chunk.value) {
      core::fill_random(bytes);
      const auto written = std::span(bytes).first(manifest().length_of(chunk));
      if (!store_->region().write(manifest().offset_of(chunk), written)) bench::give_up(directory);
      tags.push_back(core::chunk_tag(chunk, written));
    }
    return tags;
  }
  void finish() {
    const auto tags = write_all();
    for (std::uint32_t chunk = 0; chunk < tags.size(); ++chunk)
      store_->publish(ChunkIndex{chunk}, tags[chunk]);
    store_->end(SurfaceState::finished);
  }

 private:
  std::shared_ptr<ExposedSegment> segment_;
  std::optional<core::SurfaceStore> store_;
};

// Whether every chunk is there and fits its tag.
bool is_whole(const Store& store) {
  const Manifest& manifest = store.manifest();
  std::vector<std::byte> stored(manifest.chunk_bytes + manifest.trailer_bytes);
  for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value) {
    const std::uint32_t length = manifest.length_of(chunk);
    if (!store.has(chunk) || !store.read(chunk, 0, stored, ReadMode::may_block)) return false;
    const auto tag = core::chunk_tag(chunk, std::span(stored).first(length));
    if (!std::ranges::equal(tag, std::span(stored).subspan(length, tag.size()))) return false;
  }
  return true;
}

enum class Then { close, read_a_byte };

void open_segment(benchmark::State& state, Then then) {
  Exposed exposed(static_cast<std::uint64_t>(state.range(0)), static_cast<std::uint32_t>(state.range(1)));
  exposed.finish();
  const SurfaceId id = exposed.manifest().id;
  bool all_good = is_whole(*OpenedSegment::open(directory, id, Trust()).value());
  for ([[maybe_unused]] auto _ : state) {
    const auto opened = OpenedSegment::open(directory, id, Trust());
    all_good &= opened && *opened != nullptr && (*opened)->was_finished();
    if (then == Then::read_a_byte && all_good) benchmark::DoNotOptimize((*opened)->mapped().front());
    benchmark::DoNotOptimize(opened);
  }
  if (!all_good) state.SkipWithError("it is not what was exposed");
  state.SetItemsProcessed(state.iterations());
}

// Found, checked, mapped, and let go, of a surface that is finished.
void open_a_segment(benchmark::State& state) { open_segment(state, Then::close); }
BENCHMARK(open_a_segment)
    ->ArgNames({"bytes", "chunk_bytes"})
    ->Args({4 << 10, 4 << 10})
    ->Args({1 << 20, 64 << 10})
    ->Args({64 << 20, 64 << 10})
    ->Args({64 << 20, 4 << 10});

void open_a_segment_and_read_a_byte(benchmark::State& state) { open_segment(state, Then::read_a_byte); }
BENCHMARK(open_a_segment_and_read_a_byte)
    ->ArgNames({"bytes", "chunk_bytes"})
    ->Args({4 << 10, 4 << 10})
    ->Args({64 << 20, 64 << 10});

// What publishing takes of the writer where nobody waits; without the tag.
void publish_a_chunk(benchmark::State& state) {
  const auto chunks = static_cast<std::uint32_t>(state.max_iterations);
  Exposed exposed(std::uint64_t{chunks} * Manifest::min_chunk_bytes, Manifest::min_chunk_bytes);
  bool all_new = true;
  ChunkIndex chunk{0};
  for ([[maybe_unused]] auto _ : state) {
    all_new &= exposed.store().publish(chunk, {});
    ++chunk.value;
  }
  if (!all_new || exposed.store().published() != chunks) state.SkipWithError("not every chunk was published");
  state.SetItemsProcessed(state.iterations());
}
// As many as there are chunks: each is published once.
BENCHMARK(publish_a_chunk)->Iterations(500'000);

// What both processes see. Turns are chunks, from 1.
struct Shared {
  alignas(64) std::atomic<bool> exposed{false};
  alignas(64) std::atomic<std::uint32_t> waiting{0};
  alignas(64) std::atomic<std::uint32_t> seen{0};
  std::atomic<std::int64_t> seen_ns{0};
  SurfaceId id;
};

// The same memory each time, as if it were new.
Shared& fresh_shared() {
  static void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) bench::give_up("mmap");
  return *new (memory) Shared;
}

// On a processor of its own, for as long as this lives: a scheduler that wakes the reader on the writer's
// lets it wait until the writer sleeps.
class OnProcessor {
 public:
  explicit OnProcessor(std::size_t processor) {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    (void)::sched_setaffinity(0, sizeof set, &set);
  }
  OnProcessor(const OnProcessor&) = delete;
  OnProcessor& operator=(const OnProcessor&) = delete;
  ~OnProcessor() { (void)::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_ = {};
};

class CountingSink : public Sink {
 public:
  Result<void> on_manifest(const Manifest& /*manifest*/) override { return {}; }
  bool adopt(std::shared_ptr<const Store> /*store*/) override { return true; }
  std::optional<Placement> place(ChunkIndex /*chunk*/) override { return std::nullopt; }
  ChunkVerdict on_chunk(ChunkIndex /*chunk*/) override {
    ++chunks;
    return ChunkVerdict::good;
  }
  ChunkRange wanted() const override { return {}; }
  Result<void> on_final_size(const FinalSize& /*size*/) override { return {}; }
  void on_end(Error /*error*/) override {}
  Observer& observer() override { return counters_; }

  std::uint32_t chunks = 0;

 private:
  core::Counters counters_;
};

// The reader: says what it waits for next, and when it had it.
int follow(Shared& shared, Duration spin, std::uint32_t chunks) {
  const OnProcessor other(1);
  while (!shared.exposed.load()) std::this_thread::sleep_for(1ms);
  const auto opened = OpenedSegment::open(directory, shared.id, Trust());
  const auto loop = EventLoop::spawn();
  if (!opened || *opened == nullptr || !loop) return 1;
  CountingSink sink;
  SegmentFollower follower(*opened, sink, **loop);
  std::uint32_t told = follower.advance();
  for (std::uint32_t turn = 1; turn <= chunks; ++turn) {
    shared.waiting.store(turn);
    while (sink.chunks < turn) {
      if (!follower.wait(told, spin)) return 1;
      told = follower.advance();
    }
    shared.seen_ns.store(now_ns(), std::memory_order_relaxed);
    shared.seen.store(turn, std::memory_order_release);
  }
  return is_whole(**opened) ? 0 : 1;
}

// The process of the reader, which is there before the segment is.
class Reader {
 public:
  Reader(Shared& shared, Duration spin, std::uint32_t chunks) : pid_(::fork()) {
    if (pid_ < 0) bench::give_up("fork");
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(follow(shared, spin, chunks));
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  // Whether all that it saw was right.
  bool finish() {
    int status = 0;
    return ::waitpid(std::exchange(pid_, 0), &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  pid_t pid_;
};

// Looks at it without a pause. False where it did not come to that in ten seconds.
bool reaches(const std::atomic<std::uint32_t>& word, std::uint32_t turn) {
  const auto end = Clock::now() + 10s;
  while (word.load(std::memory_order_acquire) != turn)
    if (Clock::now() > end) return false;
  return true;
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  return values[std::min(at, values.size() - 1)];
}

void publish_to_seen(benchmark::State& state, Duration spin) {
  Shared& shared = fresh_shared();
  const auto chunks = static_cast<std::uint32_t>(state.max_iterations);
  Reader reader(shared, spin, chunks);
  const OnProcessor own(0);
  Exposed exposed(std::uint64_t{chunks} * Manifest::min_chunk_bytes, Manifest::min_chunk_bytes);
  const auto tags = exposed.write_all();
  shared.id = exposed.manifest().id;
  shared.exposed.store(true);
  std::vector<double> us;
  std::uint32_t turn = 0;
  for ([[maybe_unused]] auto _ : state) {
    if (!reaches(shared.waiting, ++turn)) return state.SkipWithError("the reader does not wait");
    std::this_thread::sleep_for(50us);  // until it sleeps, where it does
    const std::int64_t published = now_ns();
    exposed.store().publish(ChunkIndex{turn - 1}, tags[turn - 1]);
    if (!reaches(shared.seen, turn)) return state.SkipWithError("the reader does not see it");
    const auto took = static_cast<double>(shared.seen_ns.load(std::memory_order_relaxed) - published);
    state.SetIterationTime(took / 1e9);
    us.push_back(took / 1e3);
  }
  if (!reader.finish()) return state.SkipWithError("the reader did not see what was published");
  state.SetItemsProcessed(state.iterations());
  state.counters["median_us"] = quantile(us, 0.5);
  state.counters["p99_us"] = quantile(us, 0.99);
}
// As Wait::spin waits, and as Wait::block.
BENCHMARK_CAPTURE(publish_to_seen, spin, 1ms)->Iterations(5000)->UseManualTime();
BENCHMARK_CAPTURE(publish_to_seen, block, 0ms)->Iterations(5000)->UseManualTime();

}  // namespace
}  // namespace rgtp::shm
