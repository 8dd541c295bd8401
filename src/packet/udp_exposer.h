// The exposer's socket on an event loop: drives an ExposerEngine.
#pragma once

#include <memory>

#include <rgtp/event_loop.h>
#include <rgtp/transports.h>

#include "packet/exposer_engine.h"
#include "packet/udp_socket.h"

namespace rgtp::packet {

// Made, used and destroyed on the loop's thread.
class UdpExposer : public std::enable_shared_from_this<UdpExposer> {
 public:
  // Binds. `batch` outlives the exposer. Errors: those of UdpSocket::bind, invalid_argument for a `bind` that
  // does not parse.
  [[nodiscard]] static Result<std::shared_ptr<UdpExposer>> open(const UdpOptions& options, EventLoop& loop,
                                                                ReceiveBatch& batch);

  [[nodiscard]] Result<void> add(std::shared_ptr<const Store> store, std::shared_ptr<Observer> observer);
  void withdraw(const SurfaceId& id);
  void handle_growth(const SurfaceId& id);
  // The host and port that locators name.
  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }

 private:
  UdpExposer(const UdpOptions& options, EventLoop& loop, ReceiveBatch& batch, UdpSocket socket);

  Result<void> start();
  void choose_host();
  void on_ready(Watch::Ready ready);
  // Empties the kernel's buffer into the engine.
  void receive();
  // Sends, and has read what requests wait for: after anything that may have made something to do. In
  // between it takes in what has arrived, so that turns are fair among all who ask; after about 2 ms it lets
  // the loop's other work have its turn first.
  void serve();
  enum class Sent { all, some, blocked };
  // `all` there is, or `some` of it, or the socket takes no more.
  Sent send_some();
  void read_blocked();

  const UdpOptions options_;
  EventLoop& loop_;
  UdpSocket socket_;
  ExposerEngine engine_;
  ReceiveBatch& batch_;
  Train train_;
  std::size_t sent_ = 0;  // datagrams of train_
  bool sending_ = false;  // train_ is not sent whole
  std::string host_;
  std::uint16_t port_ = 0;
  bool warned_ = false;
  std::unique_ptr<Timer> timer_;  // of what no datagram asks for
  std::unique_ptr<Watch> watch_;  // last, so that it goes before the socket
};

}  // namespace rgtp::packet
