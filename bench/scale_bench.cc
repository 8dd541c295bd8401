// What many surfaces and many pullers cost, by memory, between processes:
//
//     scale_bench [--surfaces N] [--pullers N] [--mib N] [--directory DIRECTORY]
//
// A cached file exposed in place, beside reading and hashing it. Generations of a writer, in fresh memory and
// in memory that is used again. So many pullers, each a process, that hold and read one surface at the same
// time: the memory of all of them together by their proportional set sizes. And under a limit of 1,024
// descriptors as many small surfaces in one process, and as many files exposed in place, each pulled and
// verified by another process: the exposer's heap a surface, and what exposing and pulling the first and the
// last of them took.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <rgtp/rgtp.h>

#include "core/digest.h"
#include "pipes.h"

namespace {

namespace fs = std::filesystem;

using rgtp::bench::give_up;
using rgtp::bench::read_all;
using rgtp::bench::write_all;
using Clock = std::chrono::steady_clock;
using Locators = std::vector<rgtp::Locator>;

constexpr std::size_t small_bytes = 4096;
// What is looked at as the first and as the last of many.
constexpr std::size_t some = 500;
constexpr std::size_t line_bytes = 64;

struct Options {
  std::size_t surfaces = 10'000;
  std::size_t pullers = 200;
  std::size_t mib = 1024;
  fs::path directory = fs::temp_directory_path();
};

double seconds_of(const std::function<void()>& work) {
  const auto began = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - began).count();
}

double median(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

void print_first_and_last(const char* what, const std::vector<double>& seconds) {
  const std::size_t looked_at = std::min(some, seconds.size());
  const double first = median(std::span(seconds).first(looked_at));
  const double last = median(std::span(seconds).last(looked_at));
  std::printf("  %-42s %7.1f us, the last ones %7.1f us: %.2f x\n", what, first * 1e6, last * 1e6,
              last / first);
}

// A process that pulls, made while this one is a single thread.
class Peer {
 public:
  // `work` is given what the exposer tells, and what to tell it by.
  explicit Peer(const std::function<void(int from, int to)>& work) {
    int down[2];
    int up[2];
    if (::pipe2(down, O_CLOEXEC) != 0 || ::pipe2(up, O_CLOEXEC) != 0) give_up("pipe");
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) give_up("fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(down[1]);
      ::close(up[0]);
      work(down[0], up[1]);
      std::fflush(nullptr);
      ::_exit(0);
    }
    ::close(down[0]);
    ::close(up[1]);
    to_ = down[1];
    from_ = up[0];
  }
  Peer(Peer&& other) noexcept : pid_(std::exchange(other.pid_, -1)), to_(other.to_), from_(other.from_) {}
  ~Peer() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);  // later ones hold its pipe's end, too
    ::close(to_);
    ::close(from_);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid() const { return pid_; }
  void tell(const rgtp::Locator& locator) const {
    std::string line = locator.reveal();
    line.resize(line_bytes, '\n');
    write_all(to_, line.data(), line.size());
  }
  void wait() const {
    char byte = 0;
    read_all(from_, &byte, 1);
  }

 private:
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
};

rgtp::Locator told(int from) {
  char line[line_bytes];
  read_all(from, line, sizeof line);
  return rgtp::Locator::parse(std::string(line, std::find(line, line + sizeof line, '\n'))).value();
}

void fill(std::span<std::byte> bytes, std::size_t number) {
  for (std::size_t i = 0; i + sizeof number <= bytes.size(); i += sizeof number)
    std::memcpy(&bytes[i], &number, sizeof number);
}

// The other side of many surfaces.
void pull_each(std::size_t surfaces, const char* what, int from, int to) {
  auto puller = rgtp::Puller::open({.transports = {rgtp::shm_transport({.kept_mappings = 0})}}).value();
  Locators locators;
  for (std::size_t i = 0; i < surfaces; ++i) locators.push_back(told(from));
  std::vector<double> seconds;
  std::vector<std::byte> expected(small_bytes);
  for (std::size_t i = 0; i < surfaces; ++i) {
    fill(expected, i);
    seconds.push_back(seconds_of([&] {
      auto pull = puller.pull(locators[i]);
      const auto view = pull.complete().get();
      if (view && std::ranges::equal(view->bytes(), expected)) return;
      std::fprintf(stderr, "surface %zu of %s: %s\n", i, what,
                   view ? "other bytes" : view.error().message().c_str());
      std::exit(1);
    }));
  }
  print_first_and_last("opened by another process: the first ones", seconds);
  std::fflush(nullptr);
  write_all(to, "", 1);
}

std::size_t heap_bytes() {
  const auto heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

void measure_many(const char* what, std::size_t surfaces,
                  const std::function<rgtp::Source(std::size_t number)>& source) {
  std::printf("%zu %s of 4 KiB in one process, at most 1,024 descriptors\n", surfaces, what);
  const Peer peer([&](int from, int to) { pull_each(surfaces, what, from, to); });
  auto exposer = rgtp::Exposer::open({.transports = {rgtp::shm_transport()}}).value();
  std::vector<rgtp::Surface> exposed;
  exposed.reserve(surfaces);
  std::vector<double> seconds;
  seconds.reserve(surfaces);
  std::optional<std::size_t> before;
  for (std::size_t i = 0; i < surfaces; ++i) {
    const auto from = source(i);
    // Behind what is made once.
    if (i == 1) before = heap_bytes();
    seconds.push_back(seconds_of([&] {
      auto surface = exposer.expose(from).get();
      if (!surface) {
        std::fprintf(stderr, "%s: %s\n", what, surface.error().message().c_str());
        std::exit(1);
      }
      exposed.push_back(std::move(*surface));
    }));
  }
  const auto heap = heap_bytes() - before.value_or(0);
  print_first_and_last("exposed: the first ones", seconds);
  std::printf("  %-42s %7.0f bytes\n", "heap a surface",
              static_cast<double>(heap) / static_cast<double>(surfaces - 1));
  for (const auto& surface : exposed) peer.tell(surface.locator());
  peer.wait();
}

// All that the process has in memory, of what others have too its share.
std::uint64_t bytes_of(pid_t pid) {
  std::ifstream sums("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(sums, line);)
    if (line.starts_with("Pss:")) return std::strtoull(line.c_str() + 4, nullptr, 10) * 1024;
  give_up("smaps_rollup");
}

void measure_crowd(std::size_t pullers, std::size_t bytes) {
  std::printf("%zu processes that hold and read one surface of %zu MiB\n", pullers, bytes >> 20);
  std::vector<Peer> peers;
  for (std::size_t i = 0; i < pullers; ++i)
    peers.emplace_back([](int from, int to) {
      const auto locator = told(from);
      auto puller = rgtp::Puller::open({.transports = {rgtp::shm_transport()}}).value();
      auto pull = puller.pull(locator);
      const auto view = pull.complete().get().value();
      if (std::ranges::count(view.bytes(), std::byte{42}) != static_cast<std::ptrdiff_t>(view.size()))
        give_up("a puller read something else");
      write_all(to, "", 1);
      while (true) ::pause();
    });
  auto exposer = rgtp::Exposer::open({.transports = {rgtp::shm_transport()}}).value();
  auto surface = exposer.expose(rgtp::Source::bytes(std::vector(bytes, std::byte{42}))).get().value();
  const double took = seconds_of([&] {
    for (const auto& peer : peers) peer.tell(surface.locator());
    for (const auto& peer : peers) peer.wait();
  });
  std::uint64_t sum = bytes_of(::getpid());
  for (const auto& peer : peers) sum += bytes_of(peer.pid());
  std::printf("  %-42s %7.1f MiB: %.3f x the surface\n", "all memory of theirs and the exposer's",
              static_cast<double>(sum) / 1048576, static_cast<double>(sum) / static_cast<double>(bytes));
  std::printf("  %-42s %7.2f s\n", "all have read every byte after", took);
}

// What filling a surface's memory takes whose generations follow one another, with publishing it beside.
void measure_generations() {
  constexpr std::size_t bytes = 64 << 20;
  constexpr int rounds = 12;
  std::printf("generations of 64 MiB by a SurfaceWriter, medians of %d: loaned and filled\n", rounds);
  for (const std::uint32_t recycled : {0U, 2U}) {
    auto exposer =
        rgtp::Exposer::open({.transports = {rgtp::shm_transport({.recycled_segments = recycled})}}).value();
    std::vector<double> seconds;
    for (int round = 0; round < rounds; ++round) {
      auto writer = exposer.begin({.size = bytes}).value();
      const std::uint32_t chunks = writer.manifest().chunk_count();
      seconds.push_back(seconds_of([&] {
        for (rgtp::ChunkIndex chunk{0}; chunk.value < chunks; ++chunk.value)
          std::ranges::fill(writer.loan(chunk).value(), std::byte{static_cast<unsigned char>(round)});
      }));
      for (rgtp::ChunkIndex chunk{0}; chunk.value < chunks; ++chunk.value)
        if (!writer.publish(chunk)) give_up("publish");
      (void)std::move(writer).finish().value();
    }
    std::printf("  %-42s %7.0f MB/s\n", recycled > 0 ? "memory that is used again" : "fresh memory",
                bytes / median(seconds) / 1e6);
  }
}

void measure_file(const fs::path& file) {
  constexpr std::size_t bytes = 256 << 20;
  constexpr std::size_t chunk_bytes = 64 * 1024;
  constexpr int rounds = 9;
  std::ofstream(file, std::ios::binary) << std::string(bytes, 'x');
  std::printf("a cached file of 256 MiB, medians of %d\n", rounds);
  auto exposer = rgtp::Exposer::open({.transports = {rgtp::shm_transport()}}).value();
  std::vector<double> hashed;
  std::vector<double> exposed;
  std::vector<std::byte> buffer(chunk_bytes);
  for (int round = 0; round < rounds; ++round) {
    hashed.push_back(seconds_of([&] {
      const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
      for (std::size_t at = 0; at < bytes; at += chunk_bytes) {
        if (::pread(fd, buffer.data(), chunk_bytes, static_cast<off_t>(at)) != chunk_bytes) give_up("pread");
        if (rgtp::core::chunk_tag(rgtp::ChunkIndex{0}, buffer) == rgtp::core::Tag{}) give_up("XXH3");
      }
      ::close(fd);
    }));
    exposed.push_back(seconds_of([&] { (void)exposer.expose(rgtp::Source::file(file)).get().value(); }));
  }
  const auto rate = [](const std::vector<double>& seconds) { return bytes / median(seconds) / 1e6; };
  std::printf("  %-42s %7.0f MB/s\n", "read and hashed by one thread", rate(hashed));
  std::printf("  %-42s %7.0f MB/s: %.2f x\n", "exposed, by two workers", rate(exposed),
              rate(exposed) / rate(hashed));
  fs::remove(file);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("What many surfaces and many pullers cost by memory");
  app.add_option("--surfaces", options.surfaces)->capture_default_str();
  app.add_option("--pullers", options.pullers)->capture_default_str();
  app.add_option("--mib", options.mib, "size of the surface that all of them pull")->capture_default_str();
  app.add_option("--directory", options.directory, "where files are made, and removed")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  std::string place = (options.directory / "scale-bench-XXXXXX").string();
  if (::mkdtemp(place.data()) == nullptr) give_up("mkdtemp");
  measure_file(fs::path(place) / "large");
  measure_generations();
  measure_crowd(options.pullers, options.mib << 20);
  const rlimit descriptors = {1024, 1024};
  if (::setrlimit(RLIMIT_NOFILE, &descriptors) != 0) give_up("setrlimit");
  std::vector<std::byte> bytes(small_bytes);
  measure_many("surfaces", options.surfaces, [&](std::size_t number) {
    fill(bytes, number);
    return rgtp::Source::bytes(bytes);
  });
  measure_many("files", options.surfaces, [&](std::size_t number) {
    fill(bytes, number);
    const fs::path file = fs::path(place) / std::to_string(number);
    std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), small_bytes);
    return rgtp::Source::file(file);
  });
  fs::remove_all(place);
}
