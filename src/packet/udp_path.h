// The puller's socket to one exposer on an event loop: drives the engines of all pulls from there. Where
// datagrams come at a moderate rate the socket is not watched, but emptied by a timer (DrainSchedule).
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include <rgtp/event_loop.h>
#include <rgtp/transports.h>

#include "packet/drain_schedule.h"
#include "packet/outbox.h"
#include "packet/puller_engine.h"
#include "packet/silence_watch.h"
#include "packet/udp_socket.h"

namespace rgtp::packet {

// Made, used and destroyed on the loop's thread.
class UdpPath : public std::enable_shared_from_this<UdpPath> {
 public:
  // `batch` outlives the path. Errors: those of UdpSocket::connect.
  [[nodiscard]] static Result<std::shared_ptr<UdpPath>> open(const UdpOptions& options, EventLoop& loop,
                                                             ReceiveBatch& batch, const Address& remote);

  const Address& remote() const { return remote_; }
  // Starts a pull; the sink outlives it. Ended by remove(), which no call of the sink may make.
  PullerEngine* add(const SurfaceId& id, Sink& sink);
  void remove(PullerEngine* engine);
  bool is_idle() const { return engines_.empty(); }
  // After anything that changes what is wanted: asks for what there is to ask for, in the loop's next turn
  // and once for all that changed by then.
  void pump_soon();
  // Goes on with a new socket, at most every 250 ms: our own address may have changed, or the route, and a
  // fresh socket goes by what holds now. After a send that failed, and where silence_ says so.
  void reconnect();
  // As the kernel granted it (UdpSocket::receive_buffer()).
  std::uint64_t receive_buffer() const { return socket_.receive_buffer(); }

 private:
  UdpPath(const UdpOptions& options, EventLoop& loop, ReceiveBatch& batch, const Address& remote,
          UdpSocket socket);

  struct Turn {
    PullerEngine* engine;
    Observer* observer;
  };

  Result<void> watch_socket();
  void on_readable();
  void on_timer();
  // Hands what has arrived to the engines, and asks for more. Afterwards the socket is empty, or watched.
  void drain();
  // False for what is no pull's here: anybody may send that.
  bool hand_over(const Received& received);
  void on_trouble(IoStatus status);
  void rest_for(Duration rest);
  void tell_drops();
  void pump();
  void send_what_is_due();
  void arm_timer();

  const UdpOptions options_;
  EventLoop& loop_;
  ReceiveBatch& batch_;
  const Address remote_;
  UdpSocket socket_;
  Path path_;
  std::unordered_map<std::uint64_t, std::unique_ptr<PullerEngine>> engines_;
  PullerEngine* last_heard_ = nullptr;  // whom the last datagram was for
  std::vector<Turn> turns_;             // the same engines, in the order of their turns
  std::size_t turn_ = 0;
  bool pumps_soon_ = false;
  SilenceWatch silence_;
  Outbox outbox_;
  DrainSchedule drains_;
  TimePoint next_drain_ = TimePoint::max();  // while the socket is not watched
  TimePoint reconnected_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Watch> watch_;  // last, so that it goes before the socket
};

}  // namespace rgtp::packet
