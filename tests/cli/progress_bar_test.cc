#include "cli/progress_bar.h"

#include <gmock/gmock.h>

namespace rgtp::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ProgressLine, IsWholeOnlyWhenEveryByteIsThere) {
  EXPECT_THAT(progress_line("x", 0, 1000, 1), StartsWith("x [                        ]   0 %"));
  EXPECT_THAT(progress_line("x", 500, 1000, 1), StartsWith("x [============            ]  50 %"));
  EXPECT_THAT(progress_line("x", 999, 1000, 1), StartsWith("x [======================= ]  99 %"));
  EXPECT_THAT(progress_line("x", 1000, 1000, 1), StartsWith("x [========================] 100 %"));
}

TEST(ProgressLine, CountsTheLargestSurfaceRight) {
  constexpr std::uint64_t largest = std::uint64_t{1} << 44;
  EXPECT_THAT(progress_line("x", largest - 1, largest, 1), HasSubstr("]  99 %"));
  EXPECT_THAT(progress_line("x", largest, largest, 1), HasSubstr("] 100 %"));
}

TEST(ProgressLine, GivesRateAndTimeLeftOnceTheyAreKnown) {
  EXPECT_THAT(progress_line("x", 2'000'000, 10'000'000, 4), HasSubstr("  500.0 kB/s  16 s left"));
  EXPECT_THAT(progress_line("x", 0, 10'000'000, 4), Not(HasSubstr("left")));
  EXPECT_THAT(progress_line("x", 2'000'000, 10'000'000, 0), Not(HasSubstr("left")));
}

}  // namespace
}  // namespace rgtp::cli
