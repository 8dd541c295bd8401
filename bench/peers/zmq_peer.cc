// Bytes by ZeroMQ, over ipc or tcp: pieces that the puller asks for, so many at a time, as its guide advises
// for files (credit-based flow control, zguide chapter 7). The exposer's pieces are sent in place.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>

#include <unistd.h>
#include <zmq.h>

#include "peers/peer.h"

namespace rgtp::bench {

namespace {

constexpr int pieces_asked_for = 16;

int sane(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string(what) + ": " + zmq_strerror(zmq_errno()));
  return result;
}

class Socket {
 public:
  explicit Socket(int type) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, type)) {
    const int at_once = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &at_once, sizeof at_once);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  void* get() const { return socket_; }

 private:
  void* const context_;
  void* const socket_;
};

class Message {
 public:
  Message() { zmq_msg_init(&message_); }
  // Bytes that stay where they are until the process ends.
  explicit Message(std::span<const std::byte> bytes) {
    sane(zmq_msg_init_data(
             &message_, const_cast<std::byte*>(bytes.data()), bytes.size(), [](void*, void*) {}, nullptr),
         "zmq_msg_init_data");
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message() { zmq_msg_close(&message_); }

  void receive(const Socket& socket) { sane(zmq_msg_recv(&message_, socket.get(), 0), "zmq_msg_recv"); }
  void send(const Socket& socket, int flags) {
    sane(zmq_msg_send(&message_, socket.get(), flags), "zmq_msg_send");
  }
  std::span<const std::byte> bytes() {
    return {static_cast<const std::byte*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }

 private:
  zmq_msg_t message_;
};

class ZmqExposing : public Exposing {
 public:
  explicit ZmqExposing(std::string kind) : kind_(std::move(kind)) {}

  Result<std::string> offer(std::span<const std::byte> content, const std::string& address) override {
    const std::string at =
        kind_ == "ipc" ? "ipc://@rgtp-bench-zmq-" + std::to_string(::getpid()) : "tcp://" + address + ":*";
    sane(zmq_bind(socket_.get(), at.c_str()), at.c_str());
    char where[256];
    std::size_t length = sizeof where;
    sane(zmq_getsockopt(socket_.get(), ZMQ_LAST_ENDPOINT, where, &length), "ZMQ_LAST_ENDPOINT");
    std::thread([this, content] {
      while (true) serve_next(content);
    }).detach();
    return where;
  }

 private:
  void serve_next(std::span<const std::byte> content) {
    Message puller;
    puller.receive(socket_);
    Message asked;
    asked.receive(socket_);
    std::uint64_t offset = 0;
    std::memcpy(&offset, asked.bytes().data(), std::min(sizeof offset, asked.bytes().size()));
    puller.send(socket_, ZMQ_SNDMORE);
    Message(content.subspan(offset, std::min(piece_bytes, content.size() - offset))).send(socket_, 0);
  }

  const std::string kind_;
  const Socket socket_{ZMQ_ROUTER};
};

class ZmqPulling : public Pulling {
 public:
  Result<void> pull(const std::string& where, std::uint64_t size, Consumer& consumer) override {
    if (!is_connected_) sane(zmq_connect(socket_.get(), where.c_str()), where.c_str());
    is_connected_ = true;
    std::uint64_t asked = 0;
    const auto ask = [&] {
      if (asked >= size) return;
      sane(zmq_send(socket_.get(), &asked, sizeof asked, 0), "zmq_send");
      asked += piece_bytes;
    };
    for (int i = 0; i < pieces_asked_for; ++i) ask();
    for (std::uint64_t came = 0; came < size;) {
      Message piece;
      piece.receive(socket_);
      ask();
      consumer.take(piece.bytes());
      came += piece.bytes().size();
    }
    return {};
  }

 private:
  const Socket socket_{ZMQ_DEALER};
  bool is_connected_ = false;
};

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) {
  using namespace rgtp::bench;
  return run_peer(
      argc, argv, [](const std::string& kind) { return std::make_unique<ZmqExposing>(kind); },
      [](const std::string&) { return std::make_unique<ZmqPulling>(); });
}
