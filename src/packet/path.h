// What all pulls of one puller from one exposer share: round-trip time, rate, window, cookie, MTU.
#pragma once

#include <algorithm>
#include <memory>

#include "packet/ask_log.h"
#include "packet/congestion.h"
#include "packet/delivery_rate.h"
#include "packet/mtu_search.h"
#include "packet/pacer.h"
#include "packet/rtt.h"
#include "packet/service_pressure.h"
#include "packet/slicing.h"

namespace rgtp::packet {

class Path {
 public:
  struct Options {
    IpVersion ip = IpVersion::v4;
    // Of IP packets, in bytes: what is taken to arrive from the start, and up to what more is searched for.
    std::uint32_t mtu = fallback_mtu;
    std::uint64_t receive_buffer = 212'992;  // as the kernel granted it
    std::uint32_t max_mtu = 0;
    Congestion congestion = Congestion::bbr_like;
    std::uint64_t fixed_rate = 0;
  };

  // Answers of one train that came together.
  struct Arrival {
    TimePoint now;
    std::uint32_t slices = 0;
    std::uint32_t marked = 0;
    Duration rtt{};  // zero where the train's first slice is not among them; without the service delay
    Duration service_delay{};
  };

  explicit Path(const Options& options);

  // Of one DATA with slices of this length, with all headers.
  std::uint32_t ip_bytes(std::uint16_t slice_bytes) const { return slice_bytes + overhead_; }
  // The longest slice that the path is known to carry.
  std::uint16_t slice_capacity() const { return slice_capacity_of(mtu_.mtu(), ip_); }
  std::uint32_t mtu() const { return mtu_.mtu(); }

  // Of path MTU discovery: the slice to probe with now.
  std::optional<std::uint16_t> mtu_probe(TimePoint now) const;
  void on_mtu_probe() { mtu_.on_probe(); }
  void on_mtu_probe_arrived(TimePoint now, std::uint32_t bytes);
  void on_mtu_probe_lost(TimePoint now) { mtu_.on_lost(now); }
  void on_mtu_probe_abandoned() { mtu_.on_abandoned(); }
  // Slices longer than every path carries do not arrive any more.
  void on_black_hole(TimePoint now);
  // The exposer's network carries no slices longer than this.
  void limit_slice_capacity(std::uint16_t capacity);

  // How many slices may be asked for now, as one train: 0 where window or pacer say no.
  std::uint32_t slices_allowed(TimePoint now, std::uint16_t slice_bytes) const;
  // The window has room for a whole train; where it is narrow, for a slice.
  bool window_is_open(std::uint16_t slice_bytes) const;
  // How many of a surface's first slices may be asked for with a HELLO, of which nobody knows yet how long
  // they are: what a first window takes, and of a path that is known to be wide as much as a train holds.
  std::uint32_t slices_to_follow() const;
  TimePoint next_ask() const { return pacer_.next(); }

  // A train of so many slices is asked for.
  AskedTrain on_ask(TimePoint now, std::uint32_t slices, std::uint16_t slice_bytes);
  void on_arrival(const AskedTrain& train, const Arrival& arrival);
  // Answers that are not waited for any more: lost, or their pull ended.
  void on_abandoned(std::uint64_t bytes) { in_flight_ -= std::min(in_flight_, bytes); }
  // A late answer comes after all; on_arrival() for it follows.
  void on_expected_again(std::uint64_t bytes) { in_flight_ += bytes; }
  // What of that says something about the rate.
  void report_loss(TimePoint now, const AskedTrain& train, std::uint32_t slices);
  void report_spurious_loss(TimePoint now, const AskedTrain& train);
  void on_limited() { delivery_.on_limited(in_flight_); }
  // The exposer dropped a request, or is taken to have done so.
  void on_busy(TimePoint now) { pressure_.on_busy(now, rtt_.smoothed()); }

  // Round trips are longer than the shortest by more than noise.
  bool queue_is_seen() const;
  // The exposer kept up lately: what is missing was not dropped by it.
  bool exposer_keeps_up() const { return pressure_.keeps_up(); }
  // How long the answer to what was asked last may reasonably take: a probe timeout, and the time that all
  // that is in flight before it takes at the path's rate.
  Duration answer_time() const;
  // That a byte takes on the path; 0 while not known.
  double ns_per_byte() const;

  RttEstimator& rtt() { return rtt_; }
  const RttEstimator& rtt() const { return rtt_; }
  const CongestionController& controller() const { return *controller_; }
  std::uint64_t window_bytes() const;
  std::uint64_t in_flight() const { return in_flight_; }
  // To pace asking at, in bytes a second; 0 while nothing is known.
  std::uint64_t rate() const;

  // A cookie that is still valid, else a zero one.
  Cookie cookie(TimePoint now) const { return now < cookie_expires_ ? cookie_ : Cookie{}; }
  // When to ask for the next one.
  TimePoint cookie_renewal() const { return cookie_renew_at_; }
  void set_cookie(const Cookie& cookie, TimePoint now, Duration lifetime);

 private:
  std::uint64_t believed_rate() const;
  std::uint64_t train_bytes(std::uint16_t slice_bytes) const;
  std::uint64_t longest_train_bytes(std::uint16_t slice_bytes) const;
  LossSample loss_sample(TimePoint now, const AskedTrain& train, std::uint32_t slices) const;

  const IpVersion ip_;
  const std::uint32_t overhead_;
  const std::uint64_t receive_buffer_;
  MtuSearch mtu_;
  RttEstimator rtt_;
  DeliveryRate delivery_;
  Pacer pacer_;
  ServicePressure pressure_;
  std::unique_ptr<CongestionController> controller_;
  Duration latest_rtt_{};  // without the service delay
  std::uint64_t in_flight_ = 0;
  Cookie cookie_{};
  TimePoint cookie_renew_at_;
  TimePoint cookie_expires_;
};

}  // namespace rgtp::packet
