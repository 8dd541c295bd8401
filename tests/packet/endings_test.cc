#include "packet/endings.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr Duration rtt = 20ms;

class EndingsTest : public testing::Test {
 protected:
  std::optional<Errc> verdict(TimePoint now, Duration round_trip = rtt) const {
    const auto error = endings_.verdict(now, round_trip);
    return error ? std::optional(error->code) : std::nullopt;
  }
  // That the pull ends with `code` at just this time, and that this is what the deadline says.
  void expect_end(Errc code, TimePoint end, Duration round_trip = rtt) const {
    EXPECT_EQ(verdict(end - 1ns, round_trip), std::nullopt);
    EXPECT_EQ(verdict(end, round_trip), code);
    EXPECT_EQ(endings_.deadline(round_trip), end);
  }

  const TimePoint start_ = test::start_time;
  Endings endings_{start_, 10s};
};

TEST_F(EndingsTest, SilenceEndsAfterTheIdleTimeout) { expect_end(Errc::timed_out, start_ + 10s); }

TEST_F(EndingsTest, WhatIsHeardPutsTheEndOff) {
  endings_.on_heard(start_ + 7s);
  expect_end(Errc::timed_out, start_ + 17s);
}

TEST_F(EndingsTest, SilenceMeansNothingWhileNothingIsAskedFor) {
  endings_.on_idle(start_ + 9s);
  expect_end(Errc::timed_out, start_ + 19s);
  endings_.on_idle(start_ + 3s);  // never back
  expect_end(Errc::timed_out, start_ + 19s);
}

TEST_F(EndingsTest, SaysWhetherAnythingWasEverHeard) {
  const auto never = endings_.verdict(start_ + 10s, rtt);
  endings_.on_heard(start_);
  const auto once = endings_.verdict(start_ + 10s, rtt);
  ASSERT_TRUE(never && once);
  EXPECT_NE(never->text, once->text);
  EXPECT_NE(never->text.find("10 s"), std::string::npos);
}

TEST_F(EndingsTest, ARefusalEndsAfterFiftyMilliseconds) {
  endings_.on_heard(start_ + 1s);
  endings_.on_refused(start_ + 1s, Refusal::withdrawn);
  expect_end(Errc::withdrawn, start_ + 1s + 50ms);
}

TEST_F(EndingsTest, ARefusalEndsAfterTwoRoundTripsWhereThatIsLonger) {
  endings_.on_refused(start_ + 1s, Refusal::withdrawn);
  expect_end(Errc::withdrawn, start_ + 1s + 300ms, 150ms);
}

TEST_F(EndingsTest, DataTakesARefusalBack) {
  EXPECT_TRUE(endings_.on_refused(start_, Refusal::aborted));
  EXPECT_FALSE(endings_.on_refused(start_ + 10ms, Refusal::unknown)) << "the first one counts";
  endings_.on_data(start_ + 40ms);
  expect_end(Errc::timed_out, start_ + 10s);
  EXPECT_TRUE(endings_.on_refused(start_ + 60ms, Refusal::withdrawn));
  expect_end(Errc::withdrawn, start_ + 110ms);
}

TEST_F(EndingsTest, SoDoesAnAnswerThatSaysWhatIsThere) {
  for (std::uint32_t i = 0; i < Endings::most_taken_back; ++i) {
    endings_.on_refused(start_, Refusal::aborted);
    endings_.on_answered(start_ + 40ms);
    expect_end(Errc::timed_out, start_ + 40ms + 10s);
  }
  // Whoever has it and never gives it does not hold a pull for ever.
  endings_.on_refused(start_ + 40ms, Refusal::aborted);
  endings_.on_answered(start_ + 41ms);
  expect_end(Errc::aborted, start_ + 90ms);
}

TEST_F(EndingsTest, OtherDatagramsDoNotPutARefusalOff) {
  endings_.on_refused(start_, Refusal::denied);
  endings_.on_heard(start_ + 40ms);
  expect_end(Errc::denied, start_ + 50ms);
}

TEST_F(EndingsTest, DataBeforeARefusalDoesNotHurryIt) {
  endings_.on_data(start_);
  endings_.on_refused(start_ + 1s, Refusal::unknown);
  expect_end(Errc::unknown_surface, start_ + 1s + 50ms);
}

TEST_F(EndingsTest, TheFirstRefusalCounts) {
  endings_.on_refused(start_, Refusal::withdrawn);
  endings_.on_refused(start_ + 30ms, Refusal::unknown);
  expect_end(Errc::withdrawn, start_ + 50ms);
}

TEST_F(EndingsTest, EveryRefusalHasItsError) {
  const std::pair<Refusal, Errc> pairs[] = {{Refusal::unknown, Errc::unknown_surface},
                                            {Refusal::withdrawn, Errc::withdrawn},
                                            {Refusal::aborted, Errc::aborted},
                                            {Refusal::denied, Errc::denied},
                                            {Refusal::source_changed, Errc::source_changed},
                                            {Refusal::version, Errc::unsupported_version}};
  for (const auto& [reason, code] : pairs) {
    Endings endings(start_, 10s);
    endings.on_refused(start_, reason);
    const auto error = endings.verdict(start_ + 50ms, rtt);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, code);
    EXPECT_FALSE(error->text.empty());
  }
}

TEST_F(EndingsTest, TwoHintsASecondApartEndASecondOfSilence) {
  endings_.on_heard(start_);
  for (const Duration at : {0ms, 250ms, 500ms, 750ms}) endings_.on_unreachable(start_ + at);
  EXPECT_EQ(endings_.deadline(rtt), start_ + 2500ms + 3 * rtt);  // not a second apart yet
  endings_.on_unreachable(start_ + 1000ms);
  expect_end(Errc::exposer_gone, start_ + 1s);
}

TEST_F(EndingsTest, TwoHintsASecondApartEndThreeRoundTripsOfSilence) {
  endings_.on_heard(start_);
  endings_.on_unreachable(start_);
  endings_.on_unreachable(start_ + 1s);
  expect_end(Errc::exposer_gone, start_ + 1500ms, 500ms);
}

TEST_F(EndingsTest, OneHintEndsALongerSilence) {
  endings_.on_heard(start_);
  endings_.on_unreachable(start_ + 100ms);
  expect_end(Errc::exposer_gone, start_ + 2500ms + 3 * rtt);
}

TEST_F(EndingsTest, HintsThatSomethingContradictsAreForgotten) {
  endings_.on_unreachable(start_);
  EXPECT_TRUE(endings_.is_suspicious());
  endings_.on_heard(start_ + 900ms);
  EXPECT_FALSE(endings_.is_suspicious());
  expect_end(Errc::timed_out, start_ + 10'900ms);
  // The old one does not count together with a new one.
  endings_.on_unreachable(start_ + 1200ms);
  expect_end(Errc::exposer_gone, start_ + 900ms + 2500ms + 3 * rtt);
}

TEST_F(EndingsTest, NobodyEverThereIsUnreachable) {
  endings_.on_unreachable(start_);
  endings_.on_unreachable(start_ + 1s);
  expect_end(Errc::unreachable, start_ + 1s);
}

TEST_F(EndingsTest, HintsDoNotPutTheIdleTimeoutOff) {
  Endings endings(start_, 1s);
  endings.on_unreachable(start_ + 900ms);
  EXPECT_EQ(endings.deadline(rtt), start_ + 1s);
  EXPECT_EQ(endings.verdict(start_ + 1s, rtt)->code, Errc::timed_out);
}

}  // namespace
}  // namespace rgtp::packet
