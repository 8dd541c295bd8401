// The core's inner loops: the tags of chunks, the checks of datagrams, and scans of a surface's bitmap.
//
//     core_bench [--benchmark_filter=REGEX]
//
// A scan is told in bits a second, those that it passes over. `percent_set` is how much of a surface is
// there, in chunks as chance has it.
#include <algorithm>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/bitmap.h"
#include "core/crypto.h"
#include "core/digest.h"

namespace rgtp::core {
namespace {

std::vector<std::byte> random_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  fill_random(bytes);
  return bytes;
}

void chunk_tags(benchmark::State& state) {
  auto chunk = random_bytes(static_cast<std::size_t>(state.range(0)));
  const Tag tag = chunk_tag(ChunkIndex{1}, chunk);
  if (chunk_tag(ChunkIndex{1}, chunk) != tag || chunk_tag(ChunkIndex{2}, chunk) == tag)
    return state.SkipWithError("a tag that is not the chunk's");
  chunk.back() ^= std::byte{1};
  if (chunk_tag(ChunkIndex{1}, chunk) == tag) return state.SkipWithError("a changed chunk has the same tag");
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(chunk_tag(ChunkIndex{1}, chunk));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(chunk_tags)->ArgName("bytes")->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20);

// Of payloads as a request has it, and DATA at MTU 1500 and 9000.
void datagram_checks(benchmark::State& state) {
  const auto header = random_bytes(32);
  auto payload = random_bytes(static_cast<std::size_t>(state.range(0)));
  const std::uint32_t check = datagram_check(header, payload, 7);
  payload.back() ^= std::byte{1};
  if (datagram_check(header, payload, 7) == check) return state.SkipWithError("damage is not seen");
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(datagram_check(header, payload, 7));
  state.SetBytesProcessed(state.iterations() * (state.range(0) + 32));
}
BENCHMARK(datagram_checks)->ArgName("bytes")->Arg(40)->Arg(1426)->Arg(8196);

enum class Bits { all_but_last, last_alone };

ChunkBitmap bitmap_of(std::uint32_t size, Bits bits) {
  ChunkBitmap bitmap(size);
  if (bits == Bits::last_alone)
    bitmap.set(size - 1);
  else
    for (std::uint32_t bit = 0; bit + 1 < size; ++bit) bitmap.set(bit);
  return bitmap;
}

// The last chunk that is missing, where all others are there: the longest way that a scan can have.
void gap_scans(benchmark::State& state) {
  const auto bits = static_cast<std::uint32_t>(state.range(0));
  const ChunkBitmap bitmap = bitmap_of(bits, Bits::all_but_last);
  if (bitmap.next_clear(0, bits) != bits - 1) return state.SkipWithError("the gap is elsewhere");
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(bitmap.next_clear(0, bits));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(gap_scans)->ArgName("bits")->Arg(1 << 10)->Arg(1 << 20);

// The same for the only chunk that is there.
void available_scans(benchmark::State& state) {
  const auto bits = static_cast<std::uint32_t>(state.range(0));
  const ChunkBitmap bitmap = bitmap_of(bits, Bits::last_alone);
  if (bitmap.next_set(0, bits) != bits - 1) return state.SkipWithError("the set bit is elsewhere");
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(bitmap.next_set(0, bits));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(available_scans)->ArgName("bits")->Arg(1 << 10)->Arg(1 << 20);

// The same in every run.
ChunkBitmap partly_set(std::uint32_t size, std::int64_t percent_set) {
  ChunkBitmap bitmap(size);
  std::minstd_rand random(1);  // NOLINT(bugprone-random-generator-seed)
  for (std::uint32_t bit = 0; bit < size; ++bit)
    if (random() % 100 < static_cast<std::uint64_t>(percent_set)) bitmap.set(bit);
  return bitmap;
}

using Next = std::optional<std::uint32_t> (ChunkBitmap::*)(std::uint32_t, std::uint32_t) const;

std::uint32_t visit_all(const ChunkBitmap& bitmap, Next next) {
  std::uint32_t found = 0;
  for (auto bit = (bitmap.*next)(0, bitmap.size()); bit; bit = (bitmap.*next)(*bit + 1, bitmap.size())) {
    benchmark::DoNotOptimize(*bit);
    ++found;
  }
  return found;
}

void walks(benchmark::State& state, Next next) {
  const ChunkBitmap bitmap = partly_set(static_cast<std::uint32_t>(state.range(0)), state.range(1));
  const std::uint32_t set = bitmap.count();
  if (visit_all(bitmap, next) != (next == &ChunkBitmap::next_set ? set : bitmap.size() - set))
    return state.SkipWithError("not every bit was visited");
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(visit_all(bitmap, next));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// Every chunk that is missing, one after the other, in a surface of which little and nearly all is there.
void walks_over_missing(benchmark::State& state) { walks(state, &ChunkBitmap::next_clear); }
BENCHMARK(walks_over_missing)
    ->ArgNames({"bits", "percent_set"})
    ->Args({1 << 10, 99})
    ->Args({1 << 20, 1})
    ->Args({1 << 20, 99});

void walks_over_available(benchmark::State& state) { walks(state, &ChunkBitmap::next_set); }
BENCHMARK(walks_over_available)
    ->ArgNames({"bits", "percent_set"})
    ->Args({1 << 10, 1})
    ->Args({1 << 20, 1})
    ->Args({1 << 20, 99});

void counts(benchmark::State& state) {
  const ChunkBitmap bitmap = partly_set(static_cast<std::uint32_t>(state.range(0)), 50);
  std::uint32_t set = 0;
  for (std::uint32_t bit = 0; bit < bitmap.size(); ++bit) set += bitmap.test(bit) ? 1 : 0;
  if (bitmap.count() != set) return state.SkipWithError("a wrong count");
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(bitmap.count());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(counts)->ArgName("bits")->Arg(1 << 10)->Arg(1 << 20);

}  // namespace
}  // namespace rgtp::core
