// What every transport must do, run over each of them: a parameter makes the transports of both sides.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <rgtp/rgtp.h>

#include "support/ipv6.h"
#include "support/pattern.h"

namespace rgtp::test {

enum class Needs { nothing, ipv6 };

struct TransportUnderTest {
  std::string name;
  // What some hosts lack; there these instances are skipped.
  Needs needs = Needs::nothing;
  // The transports of an exposer and of the pullers that are to reach it; the same object may be in both.
  std::function<void(std::vector<std::shared_ptr<Transport>>& exposer,
                     std::vector<std::shared_ptr<Transport>>& puller)>
      make;
  // A locator of this transport for a surface that nobody exposes, at the place where `like` is exposed.
  std::function<Locator(const Locator& like)> unknown;
  // Which of the puller's transports wins.
  std::string winner = {};
  // A pull without `into` is given the exposer's memory, unhashed and all at once.
  bool gives_memory = false;
  // In content order such a pull reads it chunk by chunk, when its turn comes, in the thread that asks.
  bool reads_memory = false;
  // How everything that is exposed is protected.
  Protection protection = Protection::checksum;
  bool rooted = false;

  friend void PrintTo(const TransportUnderTest& transport, std::ostream* out) { *out << transport.name; }
};

class Conformance : public testing::TestWithParam<TransportUnderTest> {
 protected:
  void SetUp() override {
    if (GetParam().needs == Needs::ipv6 && !has_ipv6()) GTEST_SKIP() << "this host has no IPv6";
    GetParam().make(exposer_transports_, puller_transports_);
    exposer_.emplace(Exposer::open({.transports = exposer_transports_}).value());
    puller_.emplace(Puller::open({.transports = puller_transports_}).value());
  }

  Surface expose(std::span<const std::byte> bytes, ExposeOptions options = {.chunk_bytes = chunk_bytes}) {
    return exposer_->expose(Source::bytes(bytes), protected_by(std::move(options))).get().value();
  }
  static ExposeOptions protected_by(ExposeOptions options) {
    options.protection = GetParam().protection;
    options.rooted = GetParam().rooted;
    return options;
  }
  Pull pull(const Surface& surface, PullOptions options = {}) {
    return puller_->pull(surface.locator(), std::move(options));
  }

  static constexpr std::uint32_t chunk_bytes = 4096;
  std::vector<std::shared_ptr<Transport>> exposer_transports_;
  std::vector<std::shared_ptr<Transport>> puller_transports_;
  std::optional<Exposer> exposer_;
  std::optional<Puller> puller_;
};

inline testing::AssertionResult same_bytes(std::span<const std::byte> actual,
                                           std::span<const std::byte> expected) {
  if (actual.size() != expected.size())
    return testing::AssertionFailure() << actual.size() << " bytes instead of " << expected.size();
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (actual[i] != expected[i])
      return testing::AssertionFailure() << "they differ from byte " << i << " on";
  return testing::AssertionSuccess();
}

// Writes `bytes` chunk by chunk.
class Producer {
 public:
  Producer(SurfaceWriter writer, std::span<const std::byte> bytes)
      : writer_(std::move(writer)), bytes_(bytes) {}

  const Locator& locator() const { return writer_.locator(); }
  std::uint32_t chunks() const {
    return static_cast<std::uint32_t>((bytes_.size() + writer_.manifest().chunk_bytes - 1) /
                                      writer_.manifest().chunk_bytes);
  }
  void fill(std::uint32_t chunk) {
    const auto part = bytes_.subspan(std::uint64_t{chunk} * writer_.manifest().chunk_bytes);
    const auto loan = writer_.loan(ChunkIndex{chunk}).value();
    std::ranges::copy(part.first(std::min(part.size(), loan.size())), loan.begin());
  }
  void publish(std::uint32_t chunk) {
    fill(chunk);
    const auto published = writer_.publish(ChunkIndex{chunk});
    ASSERT_TRUE(published) << published.error().message();
  }
  SurfaceWriter& writer() { return writer_; }
  Result<Surface> finish() {
    return writer_.manifest().size_pending ? std::move(writer_).finish(bytes_.size())
                                           : std::move(writer_).finish();
  }

 private:
  SurfaceWriter writer_;
  std::span<const std::byte> bytes_;
};

// The same for surfaces that are written while they are pulled.
class Growing : public Conformance {
 protected:
  Producer produce(std::span<const std::byte> bytes) {
    return {
        exposer_->begin({.size = bytes.size(), .expose = protected_by({.chunk_bytes = chunk_bytes})}).value(),
        bytes};
  }
  Producer produce_up_to(std::uint64_t capacity, std::span<const std::byte> bytes) {
    return {
        exposer_->begin({.capacity = capacity, .expose = protected_by({.chunk_bytes = chunk_bytes})}).value(),
        bytes};
  }
  static void expect_complete(Pull& pull, std::span<const std::byte> bytes) {
    const auto view = pull.complete().get();
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_TRUE(same_bytes(view->bytes(), bytes));
  }
};

}  // namespace rgtp::test
