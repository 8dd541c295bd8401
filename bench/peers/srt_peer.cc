// Bytes by SRT (libsrt), as it carries files: a reliable stream.
#include <srt/srt.h>

#include "peers/udt_like.h"

namespace rgtp::bench {

namespace {

struct Srt {
  static void start() {
    srt_startup();
    srt_setloglevel(LOG_CRIT);
  }
  static int make_socket() {
    const SRTSOCKET socket = srt_create_socket();
    const SRT_TRANSTYPE files = SRTT_FILE;
    srt_setsockopt(socket, 0, SRTO_TRANSTYPE, &files, sizeof files);
    return socket;
  }
  static int bind(int socket, const sockaddr_in& address) {
    return srt_bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  static int listen(int socket) { return srt_listen(socket, SOMAXCONN); }
  static int port_of(int socket) {
    sockaddr_in bound{};
    int length = sizeof bound;
    srt_getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &length);
    return ntohs(bound.sin_port);
  }
  static int accept(int socket) { return srt_accept(socket, nullptr, nullptr); }
  static int connect(int socket, const sockaddr_in& address) {
    return srt_connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  static void close(int socket) { srt_close(socket); }
  static int send(int socket, const char* bytes, int size) { return srt_send(socket, bytes, size); }
  static int receive(int socket, char* bytes, int size) { return srt_recv(socket, bytes, size); }
  static Traffic sent_by(int socket) {
    SRT_TRACEBSTATS stats{};
    if (srt_bstats(socket, &stats, 0) != 0) return {};
    return {.datagrams = stats.pktSentTotal, .again = stats.pktRetransTotal};
  }
  static std::string error() { return srt_getlasterror_str(); }
};

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) { return rgtp::bench::run_udt_like_peer<rgtp::bench::Srt>(argc, argv); }
