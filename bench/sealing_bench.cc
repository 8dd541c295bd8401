// What sealing costs by memory, beside the cipher alone, in turns:
//
//     sealing_bench [--mib N] [--chunk-kib N] [--rounds N] [--suite aes|chacha]
//
// The cipher over chunks of 64 KiB in cache, one thread, as `openssl speed -evp aes-256-gcm -bytes 65536` has
// it; decrypting as much shared memory as the surface has, into a window, straight and copied first: what is
// left to a pull that does no more than it must. A surface of N MiB exposed, and pulled by memory, whole and
// by a window; sealed and not. The first figure is bytes a second, the second bytes a second of processor
// time: what one processor does, however many had a part in it. Memory that nobody can change any more
// (Access::decide) is decrypted where it stands, other memory is copied first. The exposer and the puller are
// one process, and only one of them is at work.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

#include "cpu_time.h"
#include "pipes.h"

namespace {

using rgtp::bench::give_up;
using Clock = std::chrono::steady_clock;

struct Options {
  std::size_t mib = 256;
  int rounds = 9;
  std::size_t chunk_kib = 64;
  std::string suite = "aes";
};

struct Took {
  double seconds = 0;
  double cpu_seconds = 0;
  double faults = 0;  // of pages
};

double page_faults() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_minflt);
}

Took measure(const std::function<void()>& work) {
  const double faults = page_faults();
  const double cpu = rgtp::bench::cpu_seconds();
  const auto began = Clock::now();
  work();
  return {std::chrono::duration<double>(Clock::now() - began).count(), rgtp::bench::cpu_seconds() - cpu,
          page_faults() - faults};
}

constexpr std::size_t cipher_chunk_bytes = 64 * 1024;
constexpr std::size_t window_bytes = 8 << 20;

enum class Direction { encrypt, decrypt };

struct Chunk {
  const std::byte* from;
  std::byte* to;
};

// The cipher alone, by OpenSSL's own calls, over the chunk at each offset. What is decrypted was never
// encrypted: its tags are computed and compared all the same, and are others.
void run_cipher(const EVP_CIPHER* cipher, Direction direction, std::size_t bytes,
                const std::function<Chunk(std::size_t)>& chunk_at) {
  const unsigned char key[32] = {};
  unsigned char nonce[12] = {};
  unsigned char tag[16] = {};
  int written = 0;
  const int encrypts = direction == Direction::encrypt ? 1 : 0;
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  if (EVP_CipherInit_ex2(context, cipher, key, nullptr, encrypts, nullptr) != 1) give_up("the cipher");
  for (std::size_t at = 0; at < bytes; at += cipher_chunk_bytes) {
    ++nonce[0];
    const Chunk chunk = chunk_at(at);
    auto* const to = reinterpret_cast<unsigned char*>(chunk.to);
    if (EVP_CipherInit_ex2(context, nullptr, nullptr, nonce, encrypts, nullptr) != 1 ||
        EVP_CipherUpdate(context, to, &written, reinterpret_cast<const unsigned char*>(chunk.from),
                         static_cast<int>(cipher_chunk_bytes)) != 1)
      give_up("the cipher");
    if (direction == Direction::decrypt) {
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag);
      (void)EVP_CipherFinal_ex(context, to, &written);
    } else if (EVP_CipherFinal_ex(context, to, &written) != 1 ||
               EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, sizeof tag, tag) != 1) {
      give_up("the cipher");
    }
  }
  EVP_CIPHER_CTX_free(context);
}

// As a segment is: filled by one mapping, read by another one, here for the first time.
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t bytes) : bytes_(bytes) {
    const int object = ::memfd_create("sealing_bench", MFD_CLOEXEC);
    if (object < 0 || ::ftruncate(object, static_cast<off_t>(bytes)) != 0) give_up("memory");
    void* const filled = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, object, 0);
    place_ = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, object, 0);
    if (filled == MAP_FAILED || place_ == MAP_FAILED) give_up("memory");
    std::memset(filled, 42, bytes);
    ::munmap(filled, bytes);
    ::close(object);
  }
  ~SharedMemory() { ::munmap(place_, bytes_); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  const std::byte* data() const { return static_cast<const std::byte*>(place_); }

 private:
  const std::size_t bytes_;
  void* place_;
};

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options),
        bytes_(std::make_shared<std::vector<std::byte>>(options.mib << 20, std::byte{42})),
        suite_(options.suite == "aes" ? rgtp::CipherSuite::aes_256_gcm
                                      : rgtp::CipherSuite::chacha20_poly1305) {}

  void run() {
    const auto unchangeable =
        expose(fresh_, true, rgtp::Access::decide([](const rgtp::Asker&) { return true; }));
    for (int round = 0; round < options_.rounds; ++round) {
      measure_cipher();
      for (const bool sealed : {false, true}) {
        const std::string what = sealed ? ", sealed" : "";
        add("exposed in fresh memory" + what, measure([&] { (void)expose(fresh_, sealed); }));
        (void)expose(recycling_, sealed);
        wait_for_pool();
        std::optional<rgtp::Surface> surface;
        add("exposed in used memory" + what, measure([&] { surface = expose(recycling_, sealed); }));
        add("pulled into fresh memory" + what, measure([&] { pull(surface->locator()); }));
        add("pulled by a window" + what, measure([&] { stream(surface->locator()); }));
      }
      add("into fresh memory, unchangeable", measure([&] { pull(unchangeable.locator()); }));
      add("by a window, unchangeable", measure([&] { stream(unchangeable.locator()); }));
      wait_for_pool();
    }
  }

  void print() const {
    const double cipher = rate(rows_.front().second, &Took::cpu_seconds);
    std::printf("%zu MiB, medians of %d\n%-34s %8s %17s %14s %13s\n", options_.mib, options_.rounds, "",
                "MB/s", "MB/s a processor", "of the cipher", "faults a MiB");
    for (const auto& [what, took] : rows_) {
      const double processor = rate(took, &Took::cpu_seconds);
      std::printf("%-34s %8.0f %17.0f %13.2fx %13.1f\n", what.c_str(), rate(took, &Took::seconds), processor,
                  processor / cipher, median(took, &Took::faults) / static_cast<double>(options_.mib));
    }
  }

 private:
  static rgtp::Exposer open(std::uint32_t recycled) {
    return rgtp::Exposer::open({.transports = {rgtp::shm_transport({.recycled_segments = recycled})}})
        .value();
  }
  rgtp::Surface expose(rgtp::Exposer& exposer, bool sealed, std::optional<rgtp::Access> access = {}) const {
    const rgtp::ExposeOptions options{
        .chunk_bytes = static_cast<std::uint32_t>(options_.chunk_kib * 1024),
        .protection = sealed ? rgtp::Protection::sealed : rgtp::Protection::checksum,
        .suite = sealed ? suite_ : rgtp::CipherSuite::none,
        .access = std::move(access)};
    return exposer.expose(rgtp::Source::bytes(std::span<const std::byte>(*bytes_), bytes_), options)
        .get()
        .value();
  }
  void measure_cipher() {
    const auto run = [this](Direction direction, const std::function<Chunk(std::size_t)>& chunk_at) {
      run_cipher(suite_ == rgtp::CipherSuite::aes_256_gcm ? EVP_aes_256_gcm() : EVP_chacha20_poly1305(),
                 direction, bytes_->size(), chunk_at);
    };
    const auto place = [this](std::size_t at) { return window_.data() + at % window_.size(); };
    add("the cipher alone", measure([&] {
          run(Direction::encrypt, [this](std::size_t) { return Chunk{window_.data(), window_.data()}; });
        }));
    const SharedMemory memory(bytes_->size());
    add("decrypting out of memory", measure([&] {
          run(Direction::decrypt, [&](std::size_t at) { return Chunk{memory.data() + at, place(at)}; });
        }));
    add("decrypting, copied out of memory", measure([&] {
          run(Direction::decrypt, [&](std::size_t at) {
            std::copy_n(memory.data() + at, cipher_chunk_bytes, place(at));
            return Chunk{place(at), place(at)};
          });
        }));
  }

  // A surface is withdrawn on its exposer's loop.
  static void wait_for_pool() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

  void pull(const rgtp::Locator& locator) {
    rgtp::Pull pull = puller_.pull(locator);
    const auto view = pull.complete().get().value();
    if (view.bytes().back() != std::byte{42}) give_up("pull");
  }
  void stream(const rgtp::Locator& locator) {
    rgtp::Pull pull = puller_.pull(locator, {.order = rgtp::Order::content, .window_bytes = window_bytes});
    while (auto chunk = pull.next().get().value())
      if (chunk->bytes().back() != std::byte{42}) give_up("pull");
  }

  void add(const std::string& what, const Took& took) {
    const auto found = std::ranges::find(rows_, what, &Row::first);
    (found != rows_.end() ? found->second : rows_.emplace_back(what, std::vector<Took>{}).second)
        .push_back(took);
  }
  static double median(std::vector<Took> took, double Took::*of) {
    std::ranges::sort(took, {}, of);
    return took[took.size() / 2].*of;
  }
  double rate(const std::vector<Took>& took, double Took::*of) const {
    return static_cast<double>(bytes_->size()) / median(took, of) / 1e6;
  }

  using Row = std::pair<std::string, std::vector<Took>>;
  const Options options_;
  const std::shared_ptr<std::vector<std::byte>> bytes_;
  const rgtp::CipherSuite suite_;
  std::vector<std::byte> window_ = std::vector<std::byte>(window_bytes);
  rgtp::Exposer fresh_ = open(0);
  rgtp::Exposer recycling_ = open(2);
  rgtp::Puller puller_ =
      rgtp::Puller::open({.transports = {rgtp::shm_transport({.kept_mappings = 0})}}).value();
  std::vector<Row> rows_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("What sealing costs by memory");
  app.add_option("--mib", options.mib, "size of the surface")->capture_default_str();
  app.add_option("--chunk-kib", options.chunk_kib, "size of its chunks")->capture_default_str();
  app.add_option("--rounds", options.rounds)->capture_default_str();
  app.add_option("--suite", options.suite)->check(CLI::IsMember({"aes", "chacha"}))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  Bench bench(options);
  bench.run();
  bench.print();
}
