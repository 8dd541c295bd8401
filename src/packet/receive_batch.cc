#include "packet/receive_batch.h"

#include <array>
#include <vector>

#include "packet/arrival_clock.h"
#include "packet/control.h"
#include "packet/socket_address.h"

namespace rgtp::packet {

struct ReceiveBatch::Memory {
  std::vector<std::byte> bytes =
      std::vector<std::byte>(std::max(joined_buffers * joined_bytes, single_buffers* single_bytes));
  std::array<mmsghdr, single_buffers> messages{};
  std::array<iovec, single_buffers> vectors{};
  std::array<sockaddr_storage, single_buffers> senders{};
  struct alignas(cmsghdr) Control {
    std::array<std::byte, received_control_bytes> bytes;
  };
  std::array<Control, single_buffers> controls{};
};

ReceiveBatch::ReceiveBatch() : memory_(std::make_unique<Memory>()) {}
ReceiveBatch::~ReceiveBatch() = default;

int ReceiveBatch::fill(int fd, Arrivals arrivals) {
  static_assert(joined_buffers <= single_buffers);
  const bool joined = arrivals == Arrivals::joined;
  const std::size_t count = joined ? joined_buffers : single_buffers;
  const std::size_t buffer_bytes = joined ? joined_bytes : single_bytes;
  Memory& m = *memory_;
  filled_ = {};
  full_ = false;
  drops_.reset();
  for (std::size_t i = 0; i < count; ++i) {
    m.vectors[i] = {m.bytes.data() + i * buffer_bytes, buffer_bytes};
    m.messages[i].msg_hdr = {.msg_name = &m.senders[i],
                             .msg_namelen = sizeof m.senders[i],
                             .msg_iov = &m.vectors[i],
                             .msg_iovlen = 1,
                             .msg_control = m.controls[i].bytes.data(),
                             .msg_controllen = received_control_bytes,
                             .msg_flags = 0};
  }
  const int received = recvmmsg(fd, m.messages.data(), static_cast<unsigned>(count), 0, nullptr);
  if (received <= 0) return received;
  const ArrivalClock clock = ArrivalClock::read();
  for (std::size_t i = 0; i < static_cast<std::size_t>(received); ++i) note(i, buffer_bytes, clock);
  filled_ = std::span(buffers_).first(static_cast<std::size_t>(received));
  full_ = static_cast<std::size_t>(received) == count;
  return received;
}

void ReceiveBatch::note(std::size_t index, std::size_t buffer_bytes, const ArrivalClock& clock) {
  Memory& m = *memory_;
  msghdr& message = m.messages[index].msg_hdr;
  const ReceivedControl control = read_control(message);
  if (control.drops) drops_ = control.drops;
  Buffer& buffer = buffers_[index];
  buffer.peer = {from_socket_address(m.senders[index]), control.destination};
  buffer.arrived = control.stamp ? clock.arrival(*control.stamp) : clock.now();
  buffer.mark = control.mark;
  buffer.bytes = std::span(m.bytes).subspan(index * buffer_bytes, m.messages[index].msg_len);
  buffer.datagram_bytes = std::max<std::size_t>(control.segments.value_or(buffer.bytes.size()), 1);
}

}  // namespace rgtp::packet
