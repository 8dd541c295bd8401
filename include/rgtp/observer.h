// What happened, as typed events: the one way in which engines and pulls tell it. Statistics and traces are
// observers.
#pragma once

#include <variant>

#include <rgtp/types.h>

namespace rgtp {

namespace event {

// Seen on both sides. Several datagrams where they went to the kernel, or came from it, in one batch.
struct DatagramSent {
  std::uint32_t bytes = 0;  // UDP payload, of all
  std::uint32_t datagrams = 1;
};
struct DatagramReceived {
  std::uint32_t bytes = 0;
  std::uint32_t datagrams = 1;
};
// Wrong length, check, version, cookie or pull id.
struct DatagramDropped {
  std::uint32_t bytes = 0;
};
struct Refused {
  Errc code = Errc::denied;
};

// Seen by a puller.
struct ManifestReceived {
  std::uint64_t size = 0;
  std::uint32_t chunks = 0;
};
struct Asked {
  std::uint64_t first_ask = 0;
  std::uint32_t slices = 0;
  std::uint32_t again = 0;
};
struct SliceReceived {
  std::uint64_t ask = 0;
  ChunkIndex chunk;
  std::uint32_t slice = 0;
  bool duplicate = false;
};
// Slices that are taken to be lost on their way.
struct SlicesLost {
  std::uint32_t slices = 0;
};
// A train of which nothing came, though its neighbours did: its request was lost, and used no capacity
// downstream, or the exposer dropped it.
struct RequestLost {
  std::uint32_t slices = 0;
};
// The socket's receive buffer overflowed: drained too late, or too small.
struct SocketDropped {
  std::uint32_t datagrams = 0;
};
// Slices that came with the mark of congestion (ECN, RFC 3168).
struct CongestionMarked {
  std::uint32_t slices = 0;
};
// A slice that had been given up arrived after all.
struct LossWasSpurious {
  std::uint64_t ask = 0;
};
struct ProbeTimeout {
  std::uint32_t in_a_row = 0;
};
struct RttMeasured {
  Duration rtt{};            // without the service delay
  Duration service_delay{};  // that the exposer added
};
struct RateChanged {
  std::uint64_t bytes_per_second = 0;
  std::uint64_t window_bytes = 0;
};
// The longest IP packet that the path is known to carry.
struct MtuChanged {
  std::uint32_t bytes = 0;
};
struct ChunkVerified {
  ChunkIndex chunk;
  std::uint32_t bytes = 0;
};
struct ChunkRejected {
  ChunkIndex chunk;
};
// A chunk that is available unhashed, because the kernel says who could write it.
struct ChunkAdopted {
  ChunkIndex chunk;
  std::uint32_t bytes = 0;
};

// A whole surface, or the range of it that is pulled, is available unhashed.
struct SurfaceAdopted {
  std::uint32_t chunks = 0;
  std::uint64_t bytes = 0;
};
// An exposer had a surface's memory made of huge pages: so much of it is, as the kernel says.
struct HugePagesMade {
  std::uint64_t bytes = 0;
};

// Seen by an exposer.
struct RequestReceived {
  std::uint32_t slices = 0;
};
// The bounded list of requests had no room.
struct RequestOverflow {
  std::uint32_t slices = 0;
};

}  // namespace event

using Event =
    std::variant<event::DatagramSent, event::DatagramReceived, event::DatagramDropped, event::Refused,
                 event::ManifestReceived, event::Asked, event::SliceReceived, event::SlicesLost,
                 event::RequestLost, event::SocketDropped, event::CongestionMarked, event::LossWasSpurious,
                 event::ProbeTimeout, event::RttMeasured, event::RateChanged, event::MtuChanged,
                 event::ChunkVerified, event::ChunkRejected, event::ChunkAdopted, event::SurfaceAdopted,
                 event::HugePagesMade, event::RequestReceived, event::RequestOverflow>;

// Called on the loop's thread, between two steps of an engine: do little, and call nothing of the engine.
class RGTP_EXPORT Observer {
 public:
  virtual ~Observer();
  virtual void on_event(const Event& event) = 0;
};

}  // namespace rgtp
