// What a datagram costs beside the kernel: codec, cookie, the exposer's answer to a PULL.
#include <benchmark/benchmark.h>

#include "core/counters.h"
#include "core/heap_region.h"
#include "core/surface_store.h"
#include "packet/exposer_engine.h"
#include "packet/slicing.h"

namespace rgtp::packet {
namespace {

const TimePoint now{std::chrono::seconds(1000)};

void parse_a_pull(benchmark::State& state) {
  PullRequest request;
  request.slice_bytes = 1426;
  request.run_count = 1;
  request.runs[0] = {ChunkIndex{1}, 0, 44};
  std::array<std::byte, 128> bytes;
  const std::size_t size = encode(request, bytes);
  seal_datagram(std::span(bytes).first(size));
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(parse_pull(std::span(bytes).first(size)));
    benchmark::DoNotOptimize(check_matches(std::span(bytes).first(size)));
  }
}
BENCHMARK(parse_a_pull);

void validate_a_cookie(benchmark::State& state) {
  CookieJar jar(std::array<std::byte, 32>{});
  const Address peer;
  const Cookie cookie = jar.make(peer, now);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(jar.is_valid(cookie, peer, now));
}
BENCHMARK(validate_a_cookie);

// One PULL of 44 slices to one train of DATA, checks included.
void answer_a_pull(benchmark::State& state) {
  const Manifest manifest = Manifest::make(1 << 20).value();
  auto store = std::make_shared<core::SurfaceStore>(manifest, core::HeapRegion::make(manifest.size).value());
  for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value) store->publish(chunk, {});
  const std::array<std::byte, 32> secret{};
  ExposerEngine engine(secret, {.prefix_bytes_per_second = 0});  // time stands still here
  if (!engine.add(store, std::make_shared<core::Counters>())) return;
  CookieJar jar(secret);
  PullRequest request;
  request.id = manifest.id;
  request.cookie = jar.make({}, now);
  request.slice_bytes = slice_bytes_for(manifest, slice_capacity_of(1500, IpVersion::v4));
  request.run_count = 1;
  request.runs[0] = {ChunkIndex{1}, 0, 44};
  std::array<std::byte, 128> bytes;
  const std::size_t size = encode(request, bytes);
  seal_datagram(std::span(bytes).first(size));
  Train train;
  for ([[maybe_unused]] auto _ : state) {
    engine.handle_datagram(now, {}, std::span(bytes).first(size));
    benchmark::DoNotOptimize(engine.poll_transmit(now, train));
  }
  state.SetBytesProcessed(state.iterations() * 44 * request.slice_bytes);
}
BENCHMARK(answer_a_pull);

// A request into the full turn of 64 pullers, and the next one out.
void push_and_serve_among_64_pullers(benchmark::State& state) {
  RequestQueue queue(16 << 20);
  std::vector<Request> displaced;
  Request request;
  request.pull.slice_bytes = 1426;
  request.pull.run_count = 1;
  std::uint16_t port = 0;
  const auto push = [&] {
    request.peer.remote.port = port++ % 64;
    request.pull.runs[0] = {ChunkIndex{0}, 0, static_cast<std::uint16_t>(2 + port % 40)};
    queue.push(request, displaced);
  };
  for (int i = 0; i < 128; ++i) push();
  for ([[maybe_unused]] auto _ : state) {
    push();
    benchmark::DoNotOptimize(queue.serve());
  }
}
BENCHMARK(push_and_serve_among_64_pullers);

}  // namespace
}  // namespace rgtp::packet
