// The buffers that datagrams are received into, and what was received.
#pragma once

#include <algorithm>
#include <memory>
#include <span>

#include <rgtp/types.h>

#include "packet/address.h"
#include "packet/mark.h"
#include "packet/wire.h"

namespace rgtp::packet {

// A datagram as the kernel handed it over; valid during the call that it is handed to.
struct Received {
  const Peer& peer;
  TimePoint arrived;  // at this host, by the loop's clock: not when it was read
  Mark mark = Mark::none;
  std::span<const std::byte> bytes;
};

// How a socket's datagrams come.
enum class Arrivals {
  one_by_one,
  joined,  // by UDP_GRO: a buffer holds several datagrams of one train
};

// Shared by all sockets of a loop, one of which fills it at a time. Not to be filled while it is read.
class ReceiveBatch {
 public:
  // Of each kind about as many bytes, half a mebibyte: it stays in a processor's cache.
  static constexpr std::size_t joined_buffers = 8;
  static constexpr std::size_t joined_bytes = 65536;
  static constexpr std::size_t single_buffers = 64;
  // One byte more than a datagram may have shows that it was longer.
  static constexpr std::size_t single_bytes = max_datagram_bytes + 1;

  ReceiveBatch();
  ~ReceiveBatch();

  // Receives what there is, up to the number of buffers, in one system call. The number of buffers filled,
  // or -1 with errno.
  int fill(int fd, Arrivals arrivals);
  // Calls take(const Received&) for each datagram of at most max_datagram_bytes, in the order of arrival.
  template <class Take>
  void for_each(Take&& take) const {
    for (const Buffer& buffer : filled_)
      for (std::size_t at = 0; at == 0 || at < buffer.bytes.size(); at += buffer.datagram_bytes) {
        const auto datagram =
            buffer.bytes.subspan(at, std::min(buffer.datagram_bytes, buffer.bytes.size() - at));
        if (datagram.size() <= max_datagram_bytes)
          take(Received{buffer.peer, buffer.arrived, buffer.mark, datagram});
      }
  }
  // As many buffers as there are: there may be more to receive.
  bool is_full() const { return full_; }
  // The socket's count of datagrams that it had no room for, modulo 2^32, where the last fill() told it.
  std::optional<std::uint32_t> drops() const { return drops_; }

 private:
  struct Memory;
  struct Buffer {
    Peer peer;
    TimePoint arrived;
    Mark mark = Mark::none;
    std::span<const std::byte> bytes;
    std::size_t datagram_bytes = 1;  // of each but the last, which may be shorter; never zero
  };

  void note(std::size_t index, std::size_t buffer_bytes, const class ArrivalClock& clock);

  std::unique_ptr<Memory> memory_;
  std::array<Buffer, single_buffers> buffers_;
  std::span<const Buffer> filled_;
  bool full_ = false;
  std::optional<std::uint32_t> drops_;
};

}  // namespace rgtp::packet
