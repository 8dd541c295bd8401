// Bytes by a library that has UDT's sockets: reliable streams over UDP. A byte asks for the whole content,
// over a connection that stays; each puller has a thread at the exposer.
//
// `Library` has, as static functions in the words of UDT: start, make_socket, bind, listen, port_of, accept,
// connect, close, send, receive (the last two: bytes, or below 0), sent_by (a connection's Traffic) and error
// (the last one's text).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "peers/descriptor.h"
#include "peers/peer.h"
#include "peers/served.h"

namespace rgtp::bench {

// The result of a call, or an exception.
template <class Library>
int sane(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string(what) + ": " + Library::error());
  return result;
}

// Their calls take an int.
inline int call_bytes(std::size_t bytes) {
  return static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max()));
}

template <class Library>
class UdtLikeExposing : public Exposing {
 public:
  Result<std::string> offer(std::span<const std::byte> content, const std::string& address) override {
    Library::start();
    const int listening = Library::make_socket();
    sane<Library>(Library::bind(listening, ipv4(address, 0)), "bind");
    sane<Library>(Library::listen(listening), "listen");
    std::thread([this, listening, content] {
      while (true) {
        const int connection = sane<Library>(Library::accept(listening), "accept");
        std::thread([this, connection, content] {
          serve(connection, content);
          Library::close(connection);
        }).detach();
      }
    }).detach();
    return address + ":" + std::to_string(Library::port_of(listening));
  }
  Traffic traffic() override { return served_.traffic(); }

 private:
  void serve(int connection, std::span<const std::byte> content) {
    const Served::Serving serving(served_, connection);
    for (char asked = 0; Library::receive(connection, &asked, 1) == 1;)
      for (std::size_t at = 0; at < content.size();) {
        const int put = Library::send(connection, reinterpret_cast<const char*>(content.data()) + at,
                                      call_bytes(content.size() - at));
        if (put <= 0) return;  // a puller that went has enough
        at += static_cast<std::size_t>(put);
      }
  }

  Served served_{Library::sent_by};
};

template <class Library>
class UdtLikePulling : public Pulling {
 public:
  UdtLikePulling() : piece_(piece_bytes) { Library::start(); }
  UdtLikePulling(const UdtLikePulling&) = delete;
  UdtLikePulling& operator=(const UdtLikePulling&) = delete;
  ~UdtLikePulling() override {
    // The exposer would look for it until its own timeout.
    if (connection_ >= 0) Library::close(connection_);
  }

  Result<void> pull(const std::string& where, std::uint64_t size, Consumer& consumer) override {
    if (connection_ < 0) {
      const std::size_t colon = where.find(':');
      connection_ = Library::make_socket();
      const auto port = static_cast<std::uint16_t>(std::stoul(where.substr(colon + 1)));
      sane<Library>(Library::connect(connection_, ipv4(where.substr(0, colon), port)), "connect");
    }
    sane<Library>(Library::send(connection_, "", 1), "send");
    for (std::uint64_t came = 0; came < size;) {
      const int got = sane<Library>(
          Library::receive(connection_, reinterpret_cast<char*>(piece_.data()), call_bytes(piece_.size())),
          "receive");
      if (got == 0) return fail(Errc::exposer_gone, "the stream ended early");
      consumer.take(std::span(piece_).first(static_cast<std::size_t>(got)));
      came += static_cast<std::uint64_t>(got);
    }
    return {};
  }

 private:
  std::vector<std::byte> piece_;
  int connection_ = -1;
};

template <class Library>
int run_udt_like_peer(int argc, char** argv) {
  return run_peer(
      argc, argv, [](const std::string&) { return std::make_unique<UdtLikeExposing<Library>>(); },
      [](const std::string&) { return std::make_unique<UdtLikePulling<Library>>(); });
}

}  // namespace rgtp::bench
