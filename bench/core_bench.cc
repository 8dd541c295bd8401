// The core's inner loops: tags and bitmap scans.
#include <vector>

#include <benchmark/benchmark.h>

#include "core/bitmap.h"
#include "core/digest.h"

namespace rgtp::core {
namespace {

void chunk_tags(benchmark::State& state) {
  const std::vector<std::byte> chunk(static_cast<std::size_t>(state.range(0)), std::byte{1});
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(chunk_tag(ChunkIndex{1}, chunk));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(chunk_tags)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20);

void datagram_checks(benchmark::State& state) {
  const std::vector<std::byte> header(32);
  const std::vector<std::byte> payload(static_cast<std::size_t>(state.range(0)), std::byte{1});
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(datagram_check(header, payload, 7));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(datagram_checks)->Arg(1426)->Arg(8192);

// The last gap of a bitmap that is full but for it.
void gap_scans(benchmark::State& state) {
  const auto bits = static_cast<std::uint32_t>(state.range(0));
  ChunkBitmap bitmap(bits);
  for (std::uint32_t i = 0; i + 1 < bits; ++i) bitmap.set(i);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(bitmap.next_clear(0, bits));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(gap_scans)->Arg(1 << 14)->Arg(1 << 20);

}  // namespace
}  // namespace rgtp::core
