// How much may be asked for, and how fast: the interface of congestion controllers. One for each path to an
// exposer; all of a path's pulls share it. Bytes are IP bytes of the answers asked for.
#pragma once

#include <memory>
#include <string_view>

#include <rgtp/types.h>

namespace rgtp::packet {

struct ArrivalSample {
  TimePoint now;
  std::uint32_t bytes = 0;
  Duration rtt{};                     // without the exposer's service delay; zero where it was not measured
  std::uint64_t delivery_rate = 0;    // bytes a second; 0 where it was not measured
  bool limited = false;               // the rate was held down by having nothing to ask for
  std::uint64_t delivered = 0;        // in all, with this arrival
  std::uint64_t asked_delivered = 0;  // in all, when this was asked for
  std::uint64_t in_flight = 0;        // after this arrival
};

class CongestionController {
 public:
  virtual ~CongestionController() = default;

  virtual std::string_view name() const = 0;
  virtual void on_arrival(const ArrivalSample& sample) = 0;
  virtual void on_lost(TimePoint now, std::uint64_t bytes) = 0;
  // Bytes that were counted as lost arrived after all: whatever on_lost() did for them is undone.
  virtual void on_loss_was_spurious(TimePoint now, std::uint64_t bytes) = 0;

  // The most that may be asked for and not arrived.
  virtual std::uint64_t window_bytes() const = 0;
  // To pace asking at, in bytes a second; 0 while nothing is known.
  virtual std::uint64_t rate() const = 0;
  // What the path carries, in bytes a second, and its round trip without queues; 0 while not known.
  virtual std::uint64_t estimated_rate() const = 0;
  virtual Duration min_rtt() const = 0;
};

// The default: models the path by its delivery rate and minimum round-trip time, in the manner of BBR
// (draft-cardwell-iccrg-bbr-congestion-control). `slice_bytes` are IP bytes of one slice.
std::unique_ptr<CongestionController> make_bbr_like(std::uint32_t slice_bytes);

// The longest train at a rate: 1 ms of it, at least two slices, at most one segmented send.
std::uint64_t train_bytes_at(std::uint64_t rate, std::uint32_t slice_bytes);

}  // namespace rgtp::packet
