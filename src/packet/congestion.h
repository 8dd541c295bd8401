// How much may be asked for, and how fast: the interface of congestion controllers. One for each path to an
// exposer; all of a path's pulls share it. Bytes are IP bytes of the answers asked for.
#pragma once

#include <memory>
#include <string_view>

#include <rgtp/transports.h>
#include <rgtp/types.h>

namespace rgtp::packet {

// Answers of one train that arrived together.
struct ArrivalSample {
  TimePoint now = {};
  TimePoint asked_at = {};
  std::uint64_t bytes = 0;
  std::uint32_t slices = 0;
  std::uint32_t marked = 0;           // of the slices, with the mark of congestion (ECN)
  Duration rtt{};                     // without the exposer's service delay; zero where it was not measured
  std::uint64_t delivery_rate = 0;    // bytes a second; 0 where it was not measured
  bool limited = false;               // the rate was held down by having nothing to ask for
  std::uint64_t delivered = 0;        // in all, with this arrival
  std::uint64_t asked_delivered = 0;  // in all, when this was asked for
  std::uint64_t in_flight = 0;        // after this arrival
  std::uint8_t phase = 0;             // of the controller, when this was asked for
};

// Slices of one train that are taken to be lost.
struct LossSample {
  TimePoint now = {};
  TimePoint asked_at = {};
  std::uint64_t bytes = 0;
  std::uint32_t slices = 0;
  std::uint32_t train_slices = 1;  // that were asked for with them
  bool request = false;  // of a train of which nothing came, with no queue in sight: its request was lost
  std::uint64_t in_flight = 0;  // after this loss
  std::uint8_t phase = 0;       // as in ArrivalSample
};

class CongestionController {
 public:
  virtual ~CongestionController() = default;

  virtual std::string_view name() const = 0;
  virtual void on_arrival(const ArrivalSample& sample) = 0;
  virtual void on_lost(const LossSample& sample) = 0;
  // Slices that were counted as lost arrived after all, one by one: whatever on_lost() did for them is
  // undone.
  virtual void on_loss_was_spurious(const LossSample& sample) = 0;
  // Slices have another length from now on, in IP bytes.
  virtual void set_slice_bytes(std::uint32_t slice_bytes) = 0;

  // The most that may be asked for and not arrived.
  virtual std::uint64_t window_bytes() const = 0;
  // To pace asking at, in bytes a second; 0 while nothing is known.
  virtual std::uint64_t rate() const = 0;
  // What the path carries, in bytes a second, and its round trip without queues; 0 while not known.
  virtual std::uint64_t estimated_rate() const = 0;
  virtual Duration min_rtt() const = 0;
  // Kept with what is asked for now, and given back with its fate: for a controller that compares.
  virtual std::uint8_t phase() const { return 0; }
};

// Models the path by its delivery rate and minimum round-trip time, in the manner of BBR
// (draft-ietf-ccwg-bbr). `slice_bytes` are IP bytes of one slice, here and below.
std::unique_ptr<CongestionController> make_bbr_like(std::uint32_t slice_bytes);
// RFC 9438, paced.
std::unique_ptr<CongestionController> make_cubic(std::uint32_t slice_bytes);
// LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus), by round trips: no clock of the exposer's is needed.
std::unique_ptr<CongestionController> make_background(std::uint32_t slice_bytes);
// `rate` in bytes a second, whatever is lost.
std::unique_ptr<CongestionController> make_fixed_rate(std::uint32_t slice_bytes, std::uint64_t rate);

// The one that the options name.
std::unique_ptr<CongestionController> make_controller(Congestion kind, std::uint64_t fixed_rate,
                                                      std::uint32_t slice_bytes);

// What BBR-like and fixed rate ask for at once while nothing is known of a path: in trains of two, a surface
// of 16 KiB in slices that every path carries. RFC 6928 has ten segments of up to 1,460 bytes, a little less.
inline constexpr std::uint32_t first_window_slices = 16;

// Whether a round trip is longer than the shortest by more than noise: a queue is seen.
bool is_queued(Duration rtt, Duration min_rtt);

// What arrives at a rate, in bytes a second, in so long.
std::uint64_t bytes_in(std::uint64_t rate, Duration time);

// What a train may take to pass.
inline constexpr Duration longest_train = std::chrono::milliseconds(1);
// The longest train at a rate: so long at it, at least two slices, at most one segmented send.
std::uint64_t train_bytes_at(std::uint64_t rate, std::uint32_t slice_bytes);

}  // namespace rgtp::packet
