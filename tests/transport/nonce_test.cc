// No two encryptions under one key share a nonce, on every way in which anything is encrypted: OpenSSL's own
// call is watched, below all of our code.
#include <array>
#include <atomic>
#include <cstring>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <rgtp/rgtp.h>

#include "shm/os_faults.h"
#include "support/files.h"
#include "support/pattern.h"
#include "support/temporary_directory.h"

namespace rgtp::test {
namespace {

// A key and a nonce, as they were given to the cipher.
using Use = std::array<unsigned char, 32 + 12>;

struct Watched {
  std::mutex mutex;
  std::map<const EVP_CIPHER_CTX*, std::array<unsigned char, 32>> keys;
  std::multiset<Use> uses;
};
Watched& watched() {
  static Watched all;
  return all;
}

}  // namespace
}  // namespace rgtp::test

// Taken by the linker instead of libcrypto's, to which it leads.
extern "C" int EVP_EncryptInit_ex2(EVP_CIPHER_CTX* context, const EVP_CIPHER* cipher,
                                   const unsigned char* key, const unsigned char* nonce,
                                   const OSSL_PARAM* params) {
  using Call = int (*)(EVP_CIPHER_CTX*, const EVP_CIPHER*, const unsigned char*, const unsigned char*,
                       const OSSL_PARAM*);
  static const auto real = reinterpret_cast<Call>(::dlsym(RTLD_NEXT, "EVP_EncryptInit_ex2"));
  {
    auto& all = rgtp::test::watched();
    const std::lock_guard lock(all.mutex);
    if (key != nullptr) std::memcpy(all.keys[context].data(), key, 32);
    if (nonce != nullptr) {
      rgtp::test::Use use;
      std::memcpy(use.data(), all.keys.at(context).data(), 32);
      std::memcpy(use.data() + 32, nonce, 12);
      all.uses.insert(use);
    }
  }
  return real(context, cipher, key, nonce, params);
}

namespace rgtp::test {
namespace {

class Nonces : public testing::Test {
 protected:
  static constexpr std::uint32_t chunk_bytes = 4096;

  Nonces() {
    const std::lock_guard lock(watched().mutex);
    watched().uses.clear();
  }

  std::size_t encryptions() const {
    const std::lock_guard lock(watched().mutex);
    return watched().uses.size();
  }
  void expect_every_nonce_once(std::size_t at_least) const {
    const std::lock_guard lock(watched().mutex);
    EXPECT_GE(watched().uses.size(), at_least);
    const std::set<Use> different(watched().uses.begin(), watched().uses.end());
    EXPECT_EQ(different.size(), watched().uses.size());
  }
  ExposeOptions sealed(CipherSuite suite = CipherSuite::none) const {
    return {.chunk_bytes = chunk_bytes, .protection = Protection::sealed, .suite = suite};
  }
  Exposer open(ExposerOptions options = {}) const {
    if (options.transports.empty())
      options.transports = {shm_transport({.directory = directory_.path()}), udp_transport()};
    return Exposer::open(std::move(options)).value();
  }
  void expect_exact(const Surface& surface, std::span<const std::byte> bytes) const {
    Puller puller =
        Puller::open({.transports = {shm_transport({.directory = directory_.path()}), udp_transport()}})
            .value();
    Pull pull = puller.pull(surface.locator());
    const auto view = pull.complete().get();
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_TRUE(std::ranges::equal(view->bytes(), bytes));
  }

  const TemporaryDirectory directory_{"/dev/shm"};
  const std::vector<std::byte> bytes_ = pattern(40 * chunk_bytes + 5);
  Exposer exposer_ = open();
};

TEST_F(Nonces, AreUsedOnceForBytesAndFilesAndSnapshotsBySeveralWorkers) {
  write_file(directory_ / "file", bytes_);
  std::vector<Surface> surfaces;
  for (const CipherSuite suite : {CipherSuite::aes_256_gcm, CipherSuite::chacha20_poly1305}) {
    for (const Source& source : {Source::bytes(std::span<const std::byte>(bytes_)), Source::bytes(bytes_),
                                 Source::file(directory_ / "file"), Source::snapshot(directory_ / "file")}) {
      surfaces.push_back(exposer_.expose(source, sealed(suite)).get().value());
      EXPECT_EQ(surfaces.back().manifest().suite, suite);
      expect_exact(surfaces.back(), bytes_);
    }
  }
  // One chunk, one encryption: pulling makes none.
  EXPECT_EQ(encryptions(), 8U * 41);
  expect_every_nonce_once(8U * 41);
}

TEST_F(Nonces, AreUsedOnceUnderARoot) {
  ExposeOptions options = sealed();
  options.rooted = true;
  const Surface surface = exposer_.expose(Source::bytes(bytes_), options).get().value();
  expect_exact(surface, bytes_);
  EXPECT_EQ(encryptions(), 41U);
  expect_every_nonce_once(41);
}

TEST_F(Nonces, AreUsedOnceForTheSameFileExposedAgain) {
  write_file(directory_ / "file", bytes_);
  for (int i = 0; i < 3; ++i)
    (void)exposer_.expose(Source::file(directory_ / "file"), sealed()).get().value();
  expect_every_nonce_once(3 * 41);
}

TEST_F(Nonces, AreUsedOnceWhateverBecomesOfAnExpose) {
  // Dropped, its exposer gone, its loop closed, at any moment.
  const auto many = pattern(512 * chunk_bytes);
  for (int i = 0; i < 12; ++i) {
    auto loop = EventLoop::spawn().value();
    std::optional<Exposer> exposer = open({.loop = loop});
    auto pending = std::make_optional(exposer->expose(Source::bytes(many), sealed()));
    std::this_thread::sleep_for(std::chrono::microseconds(150 * i));
    if (i % 3 == 0) pending.reset();
    if (i % 3 == 1) exposer.reset();
    if (i % 3 == 2) (void)loop->close().get();
  }
  // A source that changes while it is read.
  write_file(directory_ / "file", many);
  for (int i = 0; i < 4; ++i) {
    auto pending = exposer_.expose(Source::file(directory_ / "file"), sealed());
    std::filesystem::last_write_time(directory_ / "file", std::filesystem::file_time_type::clock::now());
    (void)pending.get();
  }
  expect_every_nonce_once(1);
}

TEST_F(Nonces, AreUsedOnceWhereMemoryHasNoRoom) {
  Exposer small = open({.max_memory = 10 * chunk_bytes, .spill_directory = directory_.path()});
  const Surface spilled = small.expose(Source::bytes(bytes_), sealed()).get().value();
  expect_exact(spilled, bytes_);
  Exposer nowhere = open({.max_memory = 10 * chunk_bytes, .spill_directory = directory_ / "missing"});
  EXPECT_EQ(nowhere.expose(Source::bytes(bytes_), sealed()).get().error().code, Errc::no_space);
  EXPECT_EQ(encryptions(), 41U);
  expect_every_nonce_once(41);
}

TEST_F(Nonces, AreUsedOnceByWritersHoweverTheyEnd) {
  for (const bool pending_size : {false, true}) {
    for (const int end : {0, 1, 2}) {
      const WriterOptions options = pending_size
                                        ? WriterOptions{.capacity = 64 * chunk_bytes, .expose = sealed()}
                                        : WriterOptions{.size = bytes_.size(), .expose = sealed()};
      SurfaceWriter writer = exposer_.begin(options).value();
      const auto fill = [&](std::uint32_t chunk) {
        const auto loan = writer.loan(ChunkIndex{chunk}).value();
        const auto part = std::span(bytes_).subspan(std::size_t{chunk} * chunk_bytes);
        std::ranges::copy(part.first(std::min(part.size(), loan.size())), loan.begin());
      };
      for (std::uint32_t chunk = 0; chunk < 40; ++chunk) {
        fill(chunk);
        ASSERT_TRUE(writer.publish(ChunkIndex{chunk}));
        // Again, in every way.
        EXPECT_EQ(writer.publish(ChunkIndex{chunk}).error().code, Errc::invalid_argument);
        EXPECT_EQ(writer.loan(ChunkIndex{chunk}).error().code, Errc::invalid_argument);
      }
      if (end == 0) continue;  // aborted
      if (end == 1) (void)exposer_.begin(options);
      // Refused ends change nothing.
      if (pending_size) {
        EXPECT_FALSE(std::move(writer).finish());
        EXPECT_FALSE(std::move(writer).finish(41 * chunk_bytes));
        EXPECT_FALSE(std::move(writer).finish(bytes_.size()));  // its rest was not loaned
      } else {
        EXPECT_FALSE(std::move(writer).finish());
      }
      fill(40);
      if (!pending_size) {
        ASSERT_TRUE(writer.publish(ChunkIndex{40}));
      }
      auto finished = pending_size ? std::move(writer).finish(bytes_.size()) : std::move(writer).finish();
      ASSERT_TRUE(finished) << finished.error().message();
      expect_exact(*finished, bytes_);
    }
  }
  expect_every_nonce_once(6 * 40);
}

TEST_F(Nonces, AreUsedOnceByThreadsThatPublishTheSameChunk) {
  SurfaceWriter writer = exposer_.begin({.size = 200 * chunk_bytes, .expose = sealed()}).value();
  for (std::uint32_t i = 0; i < 200; ++i) {
    (void)writer.loan(ChunkIndex{i}).value();
    std::atomic<int> published = 0;
    const auto publish = [&] {
      if (writer.publish(ChunkIndex{i})) ++published;
      // Whoever is late may loan before the other has claimed it: that loan cannot be published.
      if (writer.loan(ChunkIndex{i}) && writer.publish(ChunkIndex{i})) ++published;
    };
    std::thread other(publish);
    publish();
    other.join();
    ASSERT_EQ(published, 1);
  }
  EXPECT_EQ(encryptions(), 200U);
  expect_every_nonce_once(200);
}

TEST_F(Nonces, AreUsedOnceWhereAWriterFailsInTheMiddle) {
  // And the eleventh's private memory.
  Exposer small = open(
      {.max_memory = 11 * chunk_bytes + 64 * Manifest::tag_bytes, .spill_directory = directory_ / "missing"});
  SurfaceWriter writer = small.begin({.capacity = 64 * chunk_bytes, .expose = sealed()}).value();
  std::uint32_t chunk = 0;
  for (; chunk < 64; ++chunk) {
    if (!writer.loan(ChunkIndex{chunk})) break;
    ASSERT_TRUE(writer.publish(ChunkIndex{chunk}));
  }
  EXPECT_EQ(chunk, 10U);
  EXPECT_EQ(writer.loan(ChunkIndex{chunk}).error().code, Errc::no_space);
  EXPECT_EQ(writer.publish(ChunkIndex{chunk}).error().code, Errc::invalid_argument);
  expect_every_nonce_once(10);
}

// The chunk is claimed, and may be half sealed: it is not sealed again, and nobody waits for it.
TEST_F(Nonces, AreUsedOnceWhereSealingFailsWhichEndsTheSurface) {
  Exposer small =
      open({.max_memory = 2 * chunk_bytes + 4 * Manifest::tag_bytes, .spill_directory = directory_.path()});
  SurfaceWriter writer = small.begin({.size = 4 * chunk_bytes, .expose = sealed()}).value();
  for (std::uint32_t i = 0; i < 2; ++i) (void)writer.loan(ChunkIndex{i}).value();
  ASSERT_TRUE(writer.publish(ChunkIndex{0}));
  const bool ran = shm::on_a_thread_refused({{SYS_pwrite64, ENOSPC}}, [&] {
    EXPECT_EQ(writer.publish(ChunkIndex{1}).error().code, Errc::no_space);
  });
  if (!ran) GTEST_SKIP() << "no call can be refused here";
  EXPECT_EQ(writer.publish(ChunkIndex{1}).error().code, Errc::invalid_argument);
  EXPECT_EQ(writer.loan(ChunkIndex{1}).error().code, Errc::invalid_argument);
  Puller puller = Puller::open({.transports = {udp_transport()}}).value();
  Pull pull = puller.pull(writer.locator());
  EXPECT_EQ(pull.complete().get().error().code, Errc::aborted);
  expect_every_nonce_once(2);
}

}  // namespace
}  // namespace rgtp::test
