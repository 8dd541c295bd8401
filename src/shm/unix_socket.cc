#include "shm/unix_socket.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace rgtp::shm {

namespace fs = std::filesystem;

namespace {

// Room for the one descriptor that a message may carry.
struct Control {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(int))] = {};
};

// Where the path is too long for an address (108 bytes) it goes by its directory's descriptor.
template <class Call>
int with_address(const fs::path& path, Call call) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  Descriptor directory;
  std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    directory = Descriptor(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return -1;
    text = proc_name(directory.get()) + '/' + path.filename().string();
  }
  if (text.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return call(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(sizeof address));
}

}  // namespace

Descriptor unix_socket() {
  return Descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int bind_to(const Descriptor& socket, const fs::path& path) {
  return with_address(path,
                      [&](const sockaddr* to, socklen_t length) { return ::bind(socket.get(), to, length); });
}

int connect_to(const Descriptor& socket, const fs::path& path) {
  return with_address(
      path, [&](const sockaddr* to, socklen_t length) { return ::connect(socket.get(), to, length); });
}

std::optional<Asker> peer_of(const Descriptor& socket) {
  ucred peer = {};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return Asker{.user = peer.uid, .group = peer.gid, .process = peer.pid};
}

bool send_with(const Descriptor& socket, std::span<const std::byte> bytes, const Descriptor& passed) {
  iovec part = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  Control control;
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (passed) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    *header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    const int descriptor = passed.get();
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  return ::sendmsg(socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

ReceivedMessage receive_with(const Descriptor& socket, std::span<std::byte> out) {
  iovec part = {out.data(), out.size()};
  Control control;
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = CMSG_LEN(sizeof(int));  // what is padding otherwise would hold a second one
  ReceivedMessage received;
  received.bytes = ::recvmsg(socket.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received.bytes < 0) return received;
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int)))
    return received;
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  received.passed = Descriptor(descriptor);
  return received;
}

}  // namespace rgtp::shm
