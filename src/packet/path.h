// What all pulls of one puller from one exposer share: round-trip time, rate, window, cookie, slice capacity.
#pragma once

#include <memory>

#include "packet/congestion.h"
#include "packet/delivery_rate.h"
#include "packet/pacer.h"
#include "packet/rtt.h"
#include "packet/slicing.h"

namespace rgtp::packet {

class Path {
 public:
  struct Options {
    IpVersion ip = IpVersion::v4;
    std::uint32_t mtu = fallback_mtu;        // of IP packets, in bytes
    std::uint64_t receive_buffer = 212'992;  // as the kernel granted it
  };

  explicit Path(const Options& options);

  // Of one DATA with slices of this length, with all headers.
  std::uint32_t ip_bytes(std::uint16_t slice_bytes) const { return slice_bytes + overhead_; }
  std::uint16_t slice_capacity() const { return slice_capacity_; }
  // The path carries no more than this.
  void reduce_slice_capacity(std::uint16_t capacity);

  // How many slices may be asked for now, as one train: 0 where window or pacer say no.
  std::uint32_t slices_allowed(TimePoint now, std::uint16_t slice_bytes) const;
  bool window_is_open(std::uint16_t slice_bytes) const;
  TimePoint next_ask() const { return pacer_.next(); }

  DeliveryRate::Snapshot on_ask(TimePoint now, std::uint64_t bytes);
  // `rtt` is zero where it was not measured; it excludes `service_delay`.
  void on_arrival(TimePoint now, const DeliveryRate::Snapshot& asked, std::uint32_t bytes, Duration rtt,
                  Duration service_delay);
  void on_lost(TimePoint now, std::uint64_t bytes);
  // Lost bytes arrived; on_arrival() for them follows.
  void on_loss_was_spurious(TimePoint now, std::uint64_t bytes);
  // Asks that nobody waits for any more, because their pull ended.
  void on_abandoned(std::uint64_t bytes);
  void on_limited() { delivery_.on_limited(in_flight_); }

  // How long the answer to what was asked last may reasonably take: a probe timeout, and the time that all
  // that is in flight before it takes at the path's rate.
  Duration answer_time() const;

  RttEstimator& rtt() { return rtt_; }
  const RttEstimator& rtt() const { return rtt_; }
  const CongestionController& controller() const { return *controller_; }
  std::uint64_t window_bytes() const;
  std::uint64_t in_flight() const { return in_flight_; }

  // A cookie that is still valid, else a zero one.
  Cookie cookie(TimePoint now) const { return now < cookie_expires_ ? cookie_ : Cookie{}; }
  // When to ask for the next one.
  TimePoint cookie_renewal() const { return cookie_renew_at_; }
  void set_cookie(const Cookie& cookie, TimePoint now, Duration lifetime);

 private:
  const std::uint32_t overhead_;
  std::uint16_t slice_capacity_;
  const std::uint64_t receive_buffer_;
  RttEstimator rtt_;
  DeliveryRate delivery_;
  Pacer pacer_;
  std::unique_ptr<CongestionController> controller_;
  std::uint64_t in_flight_ = 0;
  Cookie cookie_{};
  TimePoint cookie_renew_at_;
  TimePoint cookie_expires_;
};

}  // namespace rgtp::packet
