// How soon a chunk that is published is in its consumer's hands, in another process, by each way to wait:
//
//     growth_bench [--mib N] [--rate MB/S] [--chunk BYTES] [--rounds N]
//     growth_bench --write ADDRESS:PORT ...   growth_bench --read LOCATOR ...      by packets, one side each
//
// A writer publishes chunks at a steady rate; the first bytes of each say when publish() was called, and how
// long tagging the chunk, which publish() does before it publishes, took just before. The consumer takes them
// by next(), verifies every byte, and says how long each took since it was published: the call's time less
// the tag's; and since the call. Beside them in the same run, between two processes too: half a round trip of
// two that watch words of shared memory in turn, and a word written at the pace of the chunks by a process
// that slept, for a reader that watches it and for one that sleeps on it, a bare futex wake.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

#include "core/digest.h"
#include "pipes.h"

namespace {

using rgtp::bench::give_up;

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint64_t mib = 1024;
  double megabytes_per_second = 200;
  std::uint32_t chunk_bytes = 64 * 1024;
  int rounds = 3;
};

std::int64_t now_ns() { return Clock::now().time_since_epoch().count(); }

// What both processes see.
struct alignas(64) Word {
  std::atomic<std::uint32_t> value{0};
};
struct Shared {
  Word ping;
  Word pong;
  Word woken;
  std::atomic<std::int64_t> stamp{0};
  std::array<char, 256> locator{};
};

// Where there are two processors each side has one: a scheduler that wakes the consumer on the writer's lets
// it wait until the writer sleeps.
void stay_on(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  (void)::sched_setaffinity(0, sizeof set, &set);
}

// A copy of this process that does `work`, and is waited for.
template <class Work>
class Other {
 public:
  explicit Other(const Work& work) : pid_(::fork()) {
    if (pid_ < 0) give_up("fork");
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    stay_on(1);
    work();
    ::_exit(0);
  }
  Other(const Other&) = delete;
  Other& operator=(const Other&) = delete;
  ~Other() { ::waitpid(pid_, nullptr, 0); }

 private:
  const pid_t pid_;
};

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  return values.empty() ? 0 : values[std::min(values.size() - 1, at)];
}

struct Delays {
  std::vector<double> us = {};
  std::vector<double> since_call_us = {};  // of chunks
};

// What a chunk begins with.
struct Stamp {
  std::int64_t called_ns = 0;
  std::int64_t tag_ns = 0;
};

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, nullptr, nullptr, 0);
}

Delays ping_pong(Shared& shared) {
  constexpr std::uint32_t turns = 20'000;
  shared.ping.value = shared.pong.value = 0;
  const Other other([&] {
    for (std::uint32_t turn = 1; turn <= turns; ++turn) {
      while (shared.ping.value.load(std::memory_order_acquire) != turn) __builtin_ia32_pause();
      shared.pong.value.store(turn, std::memory_order_release);
    }
  });
  Delays delays;
  for (std::uint32_t turn = 1; turn <= turns; ++turn) {
    const auto began = now_ns();
    shared.ping.value.store(turn, std::memory_order_release);
    while (shared.pong.value.load(std::memory_order_acquire) != turn) __builtin_ia32_pause();
    delays.us.push_back(static_cast<double>(now_ns() - began) / 2e3);
  }
  return delays;
}

enum class Reader { watches, sleeps };

// As chunks come: at the same pace, from a process that slept.
Delays one_word(Shared& shared, Clock::duration interval, Reader reader) {
  constexpr std::uint32_t turns = 3000;
  shared.woken.value = 0;
  const Other other([&] {
    auto due = Clock::now() + std::chrono::milliseconds(20);
    for (std::uint32_t turn = 1; turn <= turns; ++turn) {
      std::this_thread::sleep_until(due += interval);
      shared.stamp.store(now_ns(), std::memory_order_relaxed);
      shared.woken.value.store(turn, std::memory_order_release);
      if (reader == Reader::sleeps) futex(shared.woken.value, FUTEX_WAKE, 1);
    }
  });
  Delays delays;
  for (std::uint32_t turn = 0; turn < turns;) {
    if (reader == Reader::sleeps)
      futex(shared.woken.value, FUTEX_WAIT, turn);
    else
      __builtin_ia32_pause();
    const std::uint32_t seen = shared.woken.value.load(std::memory_order_acquire);
    if (seen == turn) continue;
    delays.us.push_back(static_cast<double>(now_ns() - shared.stamp.load(std::memory_order_relaxed)) / 1e3);
    turn = seen;
  }
  return delays;
}

std::byte content(std::uint64_t at) { return static_cast<std::byte>((at * 2654435761U) >> 13); }

// At the rate, from 20 ms from now on.
rgtp::Surface write_all(const Options& options, rgtp::SurfaceWriter writer) {
  std::vector<std::byte> pattern(options.chunk_bytes);
  for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = content(i);
  const auto began = Clock::now() + std::chrono::milliseconds(20);
  for (std::uint32_t chunk = 0; chunk < writer.manifest().chunk_count(); ++chunk) {
    const auto loan = writer.loan(rgtp::ChunkIndex{chunk}).value();
    const std::chrono::duration<double> due(static_cast<double>(chunk) * options.chunk_bytes /
                                            (options.megabytes_per_second * 1e6));
    std::this_thread::sleep_until(began + std::chrono::duration_cast<Clock::duration>(due));
    std::copy(pattern.begin(), pattern.end(), loan.begin());
    // Twice, so that the one that is timed meets the caches as the one in publish() will.
    (void)rgtp::core::chunk_tag(rgtp::ChunkIndex{chunk}, loan);
    const std::int64_t tagging = now_ns();
    (void)rgtp::core::chunk_tag(rgtp::ChunkIndex{chunk}, loan);
    const std::int64_t called = now_ns();
    const Stamp stamp = {.called_ns = called, .tag_ns = called - tagging};
    std::memcpy(loan.data(), &stamp, sizeof stamp);
    if (!writer.publish(rgtp::ChunkIndex{chunk})) give_up("publish");
  }
  return std::move(writer).finish().value();
}

rgtp::WriterOptions writing(const Options& options) {
  return {.size = options.mib << 20, .expose = {.chunk_bytes = options.chunk_bytes}};
}

Delays read_all(const Options& options, rgtp::Pull& pull) {
  Delays delays;
  std::uint64_t got = 0;
  while (auto chunk = pull.next().get().value()) {
    const std::int64_t here = now_ns();
    const auto bytes = chunk->bytes();
    Stamp stamp;
    std::memcpy(&stamp, bytes.data(), sizeof stamp);
    const std::int64_t since_call = here - stamp.called_ns;
    delays.since_call_us.push_back(static_cast<double>(since_call) / 1e3);
    delays.us.push_back(static_cast<double>(since_call - stamp.tag_ns) / 1e3);
    for (std::size_t i = sizeof stamp; i < bytes.size(); ++i)
      if (bytes[i] != content(i)) give_up("a wrong byte");
    got += bytes.size();
  }
  if (got != options.mib << 20) give_up("bytes are missing");
  return delays;
}

void write_surface(const Options& options, Shared& shared) {
  auto exposer = rgtp::Exposer::open({.transports = {rgtp::shm_transport()}}).value();
  auto writer = exposer.begin(writing(options)).value();
  std::snprintf(shared.locator.data(), shared.locator.size(), "%s", writer.locator().reveal().c_str());
  shared.pong.value.store(1);
  while (shared.ping.value.load() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto surface = write_all(options, std::move(writer));
  while (shared.ping.value.load() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

Delays consume(const Options& options, Shared& shared, rgtp::Wait wait) {
  shared.ping.value = shared.pong.value = 0;
  const Other writer([&] { write_surface(options, shared); });
  while (shared.pong.value.load() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  auto puller = rgtp::Puller::open({.transports = {rgtp::shm_transport()}}).value();
  auto pull = puller.pull(rgtp::Locator::parse(shared.locator.data()).value(), {.wait = wait});
  shared.ping.value.store(1);
  auto delays = read_all(options, pull);
  shared.ping.value.store(2);
  return delays;
}

// By packets, the two sides started by somebody else: writes a second after it has printed the locator, and
// goes on offering until it is ended.
int write_by_packets(const Options& options, const std::string& bind) {
  auto exposer = rgtp::Exposer::open({.transports = {rgtp::udp_transport({.bind = bind})}}).value();
  auto writer = exposer.begin(writing(options)).value();
  std::printf("%s\n", writer.locator().reveal().c_str());
  std::fflush(stdout);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const auto surface = write_all(options, std::move(writer));
  ::pause();
  return 0;
}

// {"median": ms, "p99": ms}, of all chunks.
int read_by_packets(const Options& options, const std::string& locator) {
  auto puller = rgtp::Puller::open({.transports = {rgtp::udp_transport()}}).value();
  auto pull = puller.pull(rgtp::Locator::parse(locator).value());
  auto delays = read_all(options, pull);
  std::printf("{\"median\": %.3f, \"p99\": %.3f}\n", quantile(delays.us, 0.5) / 1e3,
              quantile(delays.us, 0.99) / 1e3);
  return 0;
}

void print(const char* name, const Delays& delays) {
  std::printf("| %-36s | %8.2f | %8.2f |", name, quantile(delays.us, 0.5), quantile(delays.us, 0.99));
  if (delays.since_call_us.empty())
    std::printf("%15s |\n", "");
  else
    std::printf(" %14.2f |\n", quantile(delays.since_call_us, 0.5));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"From publish() to the consumer's hands"};
  app.add_option("--mib", options.mib)->capture_default_str();
  app.add_option("--rate", options.megabytes_per_second, "MB/s")->capture_default_str();
  app.add_option("--chunk", options.chunk_bytes)->capture_default_str();
  app.add_option("--rounds", options.rounds)->capture_default_str();
  std::string bind;
  std::string locator;
  app.add_option("--write", bind, "only write, by packets, bound to ADDRESS:PORT");
  app.add_option("--read", locator, "only read, by packets");
  CLI11_PARSE(app, argc, argv);
  if (!bind.empty()) return write_by_packets(options, bind);
  if (!locator.empty()) return read_by_packets(options, locator);
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) give_up("mmap");
  auto& shared = *new (memory) Shared;
  stay_on(0);
  const auto pace = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(options.chunk_bytes / (options.megabytes_per_second * 1e6)));
  std::printf("| %-36s | %8s | %8s | %14s |\n|---|---|---|---|\n", "us", "median", "99 %", "since the call");
  for (int round = 0; round < options.rounds; ++round) {
    print("half a round trip, watched", ping_pong(shared));
    print("a word at the chunks' pace, watched", one_word(shared, pace, Reader::watches));
    print("rgtp, Wait::spin", consume(options, shared, rgtp::Wait::spin));
    print("a word at the chunks' pace, by futex", one_word(shared, pace, Reader::sleeps));
    print("rgtp, Wait::block", consume(options, shared, rgtp::Wait::block));
    print("rgtp, Wait::loop", consume(options, shared, rgtp::Wait::loop));
  }
}
