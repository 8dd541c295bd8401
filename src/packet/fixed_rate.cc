// A rate that the options name, whatever the path says.
#include <algorithm>

#include "packet/congestion.h"
#include "packet/path_estimate.h"

namespace rgtp::packet {

namespace {

constexpr Duration rtt_lifetime = std::chrono::seconds(10);

class FixedRate : public CongestionController {
 public:
  FixedRate(std::uint32_t slice_bytes, std::uint64_t rate) : slice_bytes_(slice_bytes), rate_(rate) {}

  std::string_view name() const override { return "fixed"; }
  void on_arrival(const ArrivalSample& sample) override {
    if (path_.on_arrival(sample)) longest_rtt_.next_round();
    longest_rtt_.update(static_cast<std::uint64_t>(sample.rtt.count()));
  }
  void on_lost(const LossSample& /*sample*/) override {}
  void on_loss_was_spurious(const LossSample& /*sample*/) override {}
  void set_slice_bytes(std::uint32_t slice_bytes) override { slice_bytes_ = slice_bytes; }

  // The longest round trip and as much again, so that the window never holds the rate down; losses are found
  // out meanwhile.
  std::uint64_t window_bytes() const override {
    const std::chrono::duration<double> longest(std::chrono::nanoseconds(longest_rtt_.value()));
    const auto on_the_way = static_cast<std::uint64_t>(2 * static_cast<double>(rate_) * longest.count());
    return std::max<std::uint64_t>(first_window_slices * slice_bytes_,
                                   on_the_way + 3 * train_bytes_at(rate_, slice_bytes_));
  }
  std::uint64_t rate() const override { return rate_; }
  std::uint64_t estimated_rate() const override { return path_.rate(); }
  Duration min_rtt() const override { return path_.min_rtt(); }

 private:
  std::uint32_t slice_bytes_;
  const std::uint64_t rate_;
  PathEstimate path_{rtt_lifetime};
  RoundMaximum longest_rtt_;  // nanoseconds
};

}  // namespace

std::unique_ptr<CongestionController> make_fixed_rate(std::uint32_t slice_bytes, std::uint64_t rate) {
  return std::make_unique<FixedRate>(slice_bytes, rate);
}

}  // namespace rgtp::packet
