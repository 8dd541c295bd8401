// Bytes by a stream of the kernel's, as programs move them today: TCP (cubic, bbr), a Unix socket, a pipe. A
// byte asks for the whole content, over a connection that stays; each puller has a thread at the exposer.
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <linux/tcp.h>
#include <sys/un.h>

#include "peers/descriptor.h"
#include "peers/peer.h"
#include "peers/served.h"

namespace rgtp::bench {

namespace {

constexpr int pipe_bytes = 1024 * 1024;

// An abstract name: gone with its socket.
sockaddr_un unix_address(const std::string& name) {
  sockaddr_un result{};
  result.sun_family = AF_UNIX;
  name.copy(result.sun_path + 1, sizeof result.sun_path - 2);
  return result;
}

// One byte, and room for a descriptor beside it (SCM_RIGHTS, cmsg(3)).
struct DescriptorMessage {
  DescriptorMessage() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  DescriptorMessage(const DescriptorMessage&) = delete;
  DescriptorMessage& operator=(const DescriptorMessage&) = delete;

  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
};

void send_descriptor(const Descriptor& connection, const Descriptor& passed) {
  DescriptorMessage message;
  cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  const int descriptor = passed.get();
  std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  checked(::sendmsg(connection.get(), &message.header, 0), "sendmsg");
}

Descriptor receive_descriptor(const Descriptor& connection) {
  DescriptorMessage message;
  checked(::recvmsg(connection.get(), &message.header, MSG_CMSG_CLOEXEC), "recvmsg");
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  if (rights == nullptr) throw std::system_error(EPROTO, std::generic_category(), "no descriptor came");
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
  return Descriptor(descriptor);
}

bool is_tcp(const std::string& kind) { return kind != "unix" && kind != "pipe"; }

// Nothing of what is no TCP.
Traffic sent_by_tcp(int connection) {
  tcp_info information{};
  socklen_t length = sizeof information;
  if (::getsockopt(connection, IPPROTO_TCP, TCP_INFO, &information, &length) != 0) return {};
  return {.datagrams = information.tcpi_data_segs_out, .again = information.tcpi_total_retrans};
}

class StreamExposing : public Exposing {
 public:
  explicit StreamExposing(std::string kind) : kind_(std::move(kind)) {}

  Result<std::string> offer(std::span<const std::byte> content, const std::string& address) override {
    content_ = content;
    return is_tcp(kind_) ? listen_by_tcp(address) : listen_by_name();
  }
  Traffic traffic() override { return served_.traffic(); }

 private:
  Result<std::string> listen_by_tcp(const std::string& address) {
    listening_.emplace(make_socket(SOCK_STREAM));
    if (::setsockopt(listening_->get(), IPPROTO_TCP, TCP_CONGESTION, kind_.data(),
                     static_cast<socklen_t>(kind_.size())) != 0)
      return fail(Errc::no_route, "TCP by " + kind_ + ": " + std::generic_category().message(errno) +
                                      ": modprobe tcp_" + kind_ +
                                      ", and see net.ipv4.tcp_allowed_congestion_control");
    bind_to(*listening_, ipv4(address, 0));
    sockaddr_in bound{};
    socklen_t length = sizeof bound;
    checked(::getsockname(listening_->get(), reinterpret_cast<sockaddr*>(&bound), &length), "getsockname");
    accept_all();
    return address + ":" + std::to_string(ntohs(bound.sin_port));
  }

  Result<std::string> listen_by_name() {
    const std::string name = "rgtp-bench-" + kind_ + "-" + std::to_string(::getpid());
    listening_.emplace(checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const sockaddr_un at = unix_address(name);
    checked(::bind(listening_->get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), "bind");
    accept_all();
    return name;
  }

  // Until the process ends.
  void accept_all() {
    checked(::listen(listening_->get(), SOMAXCONN), "listen");
    std::thread([this] {
      while (true) {
        Descriptor connection(checked(::accept(listening_->get(), nullptr, nullptr), "accept"));
        if (is_tcp(kind_)) set_option(connection, IPPROTO_TCP, TCP_NODELAY, 1);
        std::thread([this, connection = std::move(connection)] { serve(connection); }).detach();
      }
    }).detach();
  }

  void serve(const Descriptor& connection) {
    const Served::Serving serving(served_, connection.get());
    std::optional<Descriptor> pipe;
    if (kind_ == "pipe") {
      std::array<int, 2> ends{};
      checked(::pipe2(ends.data(), O_CLOEXEC), "pipe");
      const Descriptor out(ends[0]);
      pipe.emplace(ends[1]);
      (void)::fcntl(pipe->get(), F_SETPIPE_SZ, pipe_bytes);  // as far as the user's share of pipes goes
      send_descriptor(connection, out);
    }
    const int to = pipe ? pipe->get() : connection.get();
    for (char asked = 0; ::read(connection.get(), &asked, 1) == 1;)
      for (std::size_t at = 0; at < content_.size();) {
        const ssize_t put = ::write(to, content_.data() + at, content_.size() - at);
        if (put <= 0) return;  // a puller that went has enough
        at += static_cast<std::size_t>(put);
      }
  }

  const std::string kind_;
  std::span<const std::byte> content_;
  std::optional<Descriptor> listening_;
  Served served_{sent_by_tcp};
};

class StreamPulling : public Pulling {
 public:
  explicit StreamPulling(std::string kind) : kind_(std::move(kind)), piece_(piece_bytes) {}

  Result<void> pull(const std::string& where, std::uint64_t size, Consumer& consumer) override {
    if (!connection_) connect(where);
    checked(::write(connection_->get(), "", 1), "write");
    const int from = pipe_ ? pipe_->get() : connection_->get();
    for (std::uint64_t came = 0; came < size;) {
      const ssize_t got = checked(::read(from, piece_.data(), piece_.size()), "read");
      if (got == 0) return fail(Errc::exposer_gone, "the stream ended early");
      consumer.take(std::span(piece_).first(static_cast<std::size_t>(got)));
      came += static_cast<std::uint64_t>(got);
    }
    return {};
  }

 private:
  void connect(const std::string& where) {
    if (is_tcp(kind_)) {
      const std::size_t colon = where.find(':');
      connection_.emplace(make_socket(SOCK_STREAM));
      connect_to(*connection_, ipv4(where.substr(0, colon),
                                    static_cast<std::uint16_t>(std::stoul(where.substr(colon + 1)))));
      set_option(*connection_, IPPROTO_TCP, TCP_NODELAY, 1);
      return;
    }
    connection_.emplace(checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const sockaddr_un at = unix_address(where);
    checked(::connect(connection_->get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), "connect");
    if (kind_ == "pipe") pipe_.emplace(receive_descriptor(*connection_));
  }

  const std::string kind_;
  std::vector<std::byte> piece_;
  std::optional<Descriptor> connection_;
  std::optional<Descriptor> pipe_;
};

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) {
  using namespace rgtp::bench;
  return run_peer(
      argc, argv, [](const std::string& kind) { return std::make_unique<StreamExposing>(kind); },
      [](const std::string& kind) { return std::make_unique<StreamPulling>(kind); });
}
