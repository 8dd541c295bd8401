#include "packet/controller_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class FixedRateTest : public test_support::ControllerTest {
 protected:
  FixedRateTest() { controller_ = make_fixed_rate(slice_bytes, 10'000'000); }
};

TEST_F(FixedRateTest, HasItsRateFromTheStart) {
  EXPECT_EQ(controller_->name(), "fixed");
  EXPECT_EQ(controller_->rate(), 10'000'000U);
  EXPECT_GE(controller_->window_bytes(), 3 * train_bytes_at(10'000'000, slice_bytes));
}

TEST_F(FixedRateTest, TheWindowIsTwiceWhatTheLongestRoundTripHolds) {
  round(50ms);
  round(80ms);
  round(50ms);
  EXPECT_EQ(controller_->window_bytes(), 2 * 800'000 + 3 * train_bytes_at(10'000'000, slice_bytes));
  for (int i = 0; i < 12; ++i) round(50ms);
  EXPECT_EQ(controller_->window_bytes(), 2 * 500'000 + 3 * train_bytes_at(10'000'000, slice_bytes));
}

TEST_F(FixedRateTest, NothingThatIsLostOrMarkedChangesIt) {
  round(50ms);
  const std::uint64_t before = controller_->window_bytes();
  controller_->on_lost(loss(now_, 500));
  controller_->on_loss_was_spurious(loss(now_, 500));
  arrive(50ms, delivered_, 1);
  EXPECT_EQ(controller_->window_bytes(), before);
  EXPECT_EQ(controller_->rate(), 10'000'000U);
}

TEST_F(FixedRateTest, MeasuresThePath) {
  round(50ms);
  round(50ms);
  EXPECT_EQ(controller_->min_rtt(), 50ms);
  EXPECT_GT(controller_->estimated_rate(), 0U);
}

}  // namespace
}  // namespace rgtp::packet
