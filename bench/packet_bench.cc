// What a datagram costs beside the kernel and the engines: the codec of each message, the cookie, and the
// exposer's turns.
//
//     packet_bench [--benchmark_filter=REGEX]
//
// A message is encoded with its check, as it is sent, and parsed with it, as it is taken. The check of DATA
// is told of by core_bench datagram_checks: here it is of a slice at MTU 1500.
#include <algorithm>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/crypto.h"
#include "packet/cookie.h"
#include "packet/request_queue.h"
#include "packet/wire.h"

namespace rgtp::packet {
namespace {

const TimePoint now{std::chrono::seconds(1000)};
constexpr std::uint64_t pull_id = 0x1234'5678'9abc'def0;
constexpr std::uint32_t timestamp = 77'000'000;
constexpr std::uint16_t slice_bytes = 1426;  // of 64 KiB chunks at MTU 1500

Cookie a_cookie() { return CookieJar(std::array<std::byte, 32>{}).make({}, now); }

Hello hello() {
  return {.pull_id = pull_id,
          .timestamp = timestamp,
          .slice_capacity = 1440,
          .first_ask = 1,
          .slices_wanted = 16,
          .id = SurfaceId::random(),
          .cookie = a_cookie()};
}

ManifestAnswer manifest_answer() {
  const Manifest manifest = Manifest::make(1 << 30, "model.bin").value();
  ManifestAnswer answer{.pull_id = pull_id,
                        .timestamp = timestamp,
                        .final_size_known = true,
                        .cookie_lifetime_ms = 90'000,
                        .published = manifest.chunk_count(),
                        .final_size = manifest.size,
                        .cookie = a_cookie()};
  core::encode_manifest(manifest, answer.manifest);
  return answer;
}

// Of so many runs: one or two where nothing was lost, each of one slice where much was.
PullRequest pull_of_runs(std::uint16_t runs) {
  PullRequest pull{.pull_id = pull_id,
                   .timestamp = timestamp,
                   .first_ask = 500,
                   .slice_bytes = 1000,
                   .run_count = runs,
                   .id = SurfaceId::random(),
                   .cookie = a_cookie()};
  const auto slices = static_cast<std::uint16_t>(44 / runs);
  for (std::uint16_t run = 0; run < runs; ++run)
    pull.runs[run] = {ChunkIndex{run}, 0, std::max<std::uint16_t>(slices, 1)};
  return pull;
}

Poll poll() {
  return {.pull_id = pull_id,
          .timestamp = timestamp,
          .published = 100,
          .words = {2, 16},
          .rtt_us = 20'000,
          .id = SurfaceId::random(),
          .cookie = a_cookie()};
}

// Of 1,024 chunks, as POLL above asks, and of as many as one can tell of.
Announce announce_of_words(std::uint16_t words) {
  Announce announce{.pull_id = pull_id,
                    .timestamp = timestamp,
                    .subscribed = true,
                    .published_from = 100,
                    .published_to = 100 + 64U * words,
                    .words = {2, words}};
  std::fill_n(announce.bitmap.begin(), words, ~std::uint64_t{0});
  return announce;
}

Refuse refuse() {
  return {.pull_id = pull_id, .timestamp = timestamp, .reason = Refusal::retry, .cookie = a_cookie()};
}

Advertise advertise() {
  return {.size = 1 << 30,
          .port = 9000,
          .id = SurfaceId::random(),
          .host = "build.example.org",
          .name = "model.bin"};
}

// As it is sent.
template <class Message>
std::vector<std::byte> datagram_of(const Message& message) {
  std::vector<std::byte> bytes(max_datagram_bytes);
  bytes.resize(encode(message, bytes));
  seal_datagram(bytes);
  return bytes;
}

template <class Message>
void encoding(benchmark::State& state, const Message& message) {
  const auto expected = datagram_of(message);
  if (!check_matches(expected)) return state.SkipWithError("its check is wrong");
  std::vector<std::byte> bytes(expected.size());
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(encode(message, bytes));
    seal_datagram(bytes);
    benchmark::ClobberMemory();
  }
  if (bytes != expected) state.SkipWithError("it was encoded differently");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(encoding, hello, hello());
BENCHMARK_CAPTURE(encoding, manifest, manifest_answer());
BENCHMARK_CAPTURE(encoding, pull, pull_of_runs(2));
BENCHMARK_CAPTURE(encoding, poll, poll());
BENCHMARK_CAPTURE(encoding, announce, announce_of_words(16));
BENCHMARK_CAPTURE(encoding, refuse, refuse());
BENCHMARK_CAPTURE(encoding, advertise, advertise());

template <class Message, class Parse>
void parsing(benchmark::State& state, const Message& message, const Parse& parse) {
  const auto bytes = datagram_of(message);
  const auto parsed = parse(bytes);
  if (!parsed || datagram_of(*parsed) != bytes) return state.SkipWithError("it is not parsed as it was sent");
  if (parse(std::span(bytes).first(bytes.size() - 1)))
    return state.SkipWithError("it is parsed though its end is missing");
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(parse(bytes));
    benchmark::DoNotOptimize(check_matches(bytes));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(parsing, hello, hello(), parse_hello);
BENCHMARK_CAPTURE(parsing, manifest, manifest_answer(), parse_manifest_answer);
BENCHMARK_CAPTURE(parsing, pull, pull_of_runs(2), parse_pull);
BENCHMARK_CAPTURE(parsing, pull_of_60_runs, pull_of_runs(max_runs), parse_pull);
BENCHMARK_CAPTURE(parsing, poll, poll(), parse_poll);
BENCHMARK_CAPTURE(parsing, announce, announce_of_words(16), parse_announce);
BENCHMARK_CAPTURE(parsing, announce_of_142_words, announce_of_words(max_announce_words), parse_announce);
BENCHMARK_CAPTURE(parsing, refuse, refuse(), parse_refuse);
BENCHMARK_CAPTURE(parsing, advertise, advertise(), parse_advertise);

const Data data = {.pull_id = pull_id, .ask = 500, .timestamp = timestamp, .chunk = {3}, .slice = 5};

// DATA's payload is sent from where it stands.
void encoding_data(benchmark::State& state) {
  std::array<std::byte, header_bytes> header;
  std::vector<std::byte> payload(slice_bytes);
  core::fill_random(payload);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(encode(data, header));
    seal_datagram(header, payload);
    benchmark::ClobberMemory();
  }
  std::vector<std::byte> datagram(header.begin(), header.end());
  datagram.insert(datagram.end(), payload.begin(), payload.end());
  if (parse_data(datagram) != data || !check_matches(datagram)) state.SkipWithError("it cannot be parsed");
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * slice_bytes);
}
BENCHMARK(encoding_data);

void parsing_data(benchmark::State& state) {
  std::vector<std::byte> datagram(header_bytes + slice_bytes);
  core::fill_random(datagram);
  encode(data, datagram);
  seal_datagram(datagram);
  if (parse_data(datagram) != data || !check_matches(datagram))
    return state.SkipWithError("it is not parsed as it was sent");
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(parse_data(datagram));
    benchmark::DoNotOptimize(check_matches(datagram));
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * slice_bytes);
}
BENCHMARK(parsing_data);

void validate_a_cookie(benchmark::State& state) {
  CookieJar jar(std::array<std::byte, 32>{});
  const Address peer;
  const Cookie cookie = jar.make(peer, now);
  if (!jar.is_valid(cookie, peer, now) || jar.is_valid({}, peer, now))
    return state.SkipWithError("a good cookie is refused, or a bad one is not");
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(jar.is_valid(cookie, peer, now));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(validate_a_cookie);

// A request into the full turn of 64 pullers, and the next one out.
void push_and_serve_among_64_pullers(benchmark::State& state) {
  RequestQueue queue(16 << 20);
  std::vector<Request> displaced;
  Request request;
  request.pull.slice_bytes = slice_bytes;
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
  if (queue.empty() || !displaced.empty()) state.SkipWithError("the turn did not stay as full as it was");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(push_and_serve_among_64_pullers);

}  // namespace
}  // namespace rgtp::packet
