#include "cli/bench/path.h"

#include <gtest/gtest.h>

namespace rgtp::cli::bench {
namespace {

TEST(BenchPath, ReadsWhatALinkIsLike) {
  const auto path = Path::parse("rate=100M,delay=10ms,loss=1%");
  ASSERT_TRUE(path) << path.error().text;
  EXPECT_EQ(*path,
            (Path{.kind = Path::Kind::emulated, .rate_bits_per_s = 100e6, .delay_s = 0.01, .loss = 0.01}));
  EXPECT_EQ(path->name(), "100 Mbit/s, 20 ms, 1 %");
}

TEST(BenchPath, TakesItsPropertiesInAnyOrderAndWithOtherUnits) {
  EXPECT_EQ(Path::parse("loss=0.05,rate=1Gbit,delay=500us"),
            (Path{.kind = Path::Kind::emulated, .rate_bits_per_s = 1e9, .delay_s = 0.0005, .loss = 0.05}));
  EXPECT_EQ(Path::parse("delay=0.25s"), (Path{.kind = Path::Kind::emulated, .delay_s = 0.25}));
  EXPECT_EQ(Path::parse("veth"), (Path{.kind = Path::Kind::veth}));
}

TEST(BenchPath, RefusesWhatItDoesNotUnderstand) {
  for (const char* wrong :
       {"", "loopback", "rate", "rate=", "rate=fast", "rate=100X", "rate=-1", "delay=10", "delay=1000s",
        "loss=2", "loss=100%", "loss=nan", "rate=1M,rate=1M", "rate=1M,", ",", "speed=1M"}) {
    const auto path = Path::parse(wrong);
    ASSERT_FALSE(path) << wrong;
    EXPECT_EQ(path.error().code, Errc::invalid_argument);
  }
}

}  // namespace
}  // namespace rgtp::cli::bench
