// The puller's socket to one exposer on an event loop: drives the engines of all pulls from there.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include <rgtp/event_loop.h>
#include <rgtp/transports.h>

#include "packet/puller_engine.h"
#include "packet/udp_socket.h"

namespace rgtp::packet {

// Made, used and destroyed on the loop's thread.
class UdpPath {
 public:
  // `batch` outlives the path. Errors: those of UdpSocket::connect.
  [[nodiscard]] static Result<std::shared_ptr<UdpPath>> open(const UdpOptions& options, EventLoop& loop,
                                                             ReceiveBatch& batch, const Address& remote);

  const Address& remote() const { return remote_; }
  // Starts a pull; the sink outlives it. Ended by remove(), which no call of the sink may make.
  PullerEngine* add(const SurfaceId& id, Sink& sink);
  void remove(PullerEngine* engine);
  bool is_idle() const { return engines_.empty(); }
  // Asks for what there is to ask for: after anything that changes what is wanted.
  void pump();

 private:
  UdpPath(const UdpOptions& options, EventLoop& loop, ReceiveBatch& batch, const Address& remote,
          UdpSocket socket);

  Result<void> watch_socket();
  void on_readable();
  void on_timer();
  void for_each_engine_unreachable();
  void reconnect();
  void arm_timer();

  const UdpOptions options_;
  EventLoop& loop_;
  ReceiveBatch& batch_;
  const Address remote_;
  UdpSocket socket_;
  Path path_;
  std::unordered_map<std::uint64_t, std::unique_ptr<PullerEngine>> engines_;
  std::vector<PullerEngine*> turns_;  // the same engines, in the order of their turns
  std::size_t turn_ = 0;
  TimePoint reconnected_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Watch> watch_;  // last, so that it goes before the socket
};

}  // namespace rgtp::packet
