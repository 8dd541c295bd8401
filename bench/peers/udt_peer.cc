// Bytes by UDT (libudt), the transport that carried bulk data over long links before QUIC.
#include <udt/udt.h>

#include "peers/udt_like.h"

namespace rgtp::bench {

namespace {

struct Udt {
  static void start() { UDT::startup(); }
  static int make_socket() { return UDT::socket(AF_INET, SOCK_STREAM, 0); }
  static int bind(int socket, const sockaddr_in& address) {
    return UDT::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  static int listen(int socket) { return UDT::listen(socket, SOMAXCONN); }
  static int port_of(int socket) {
    sockaddr_in bound{};
    int length = sizeof bound;
    UDT::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &length);
    return ntohs(bound.sin_port);
  }
  static int accept(int socket) {
    sockaddr_in from{};
    int length = sizeof from;
    return UDT::accept(socket, reinterpret_cast<sockaddr*>(&from), &length);
  }
  static int connect(int socket, const sockaddr_in& address) {
    return UDT::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  static void close(int socket) { UDT::close(socket); }
  static int send(int socket, const char* bytes, int size) { return UDT::send(socket, bytes, size, 0); }
  static int receive(int socket, char* bytes, int size) { return UDT::recv(socket, bytes, size, 0); }
  static Traffic sent_by(int socket) {
    UDT::TRACEINFO stats{};
    if (UDT::perfmon(socket, &stats, false) != 0) return {};
    return {.datagrams = stats.pktSentTotal, .again = stats.pktRetransTotal};
  }
  static std::string error() { return UDT::getlasterror().getErrorMessage(); }
};

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) { return rgtp::bench::run_udt_like_peer<rgtp::bench::Udt>(argc, argv); }
