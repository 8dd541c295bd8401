// What every transport must do, run over each of them: a parameter makes the transports of both sides.
#pragma once

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
    return exposer_->expose(Source::bytes(bytes), std::move(options)).get().value();
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

}  // namespace rgtp::test
