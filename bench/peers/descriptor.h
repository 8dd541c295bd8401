// Descriptors and IPv4 sockets for programs that give up at the first error.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rgtp::bench {

// The result of a system call, or std::system_error.
template <class T>
T checked(T result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

inline Descriptor open_file(const std::string& path, int flags) {
  return Descriptor(checked(::open(path.c_str(), flags | O_CLOEXEC, 0600), path.c_str()));
}

inline Descriptor make_socket(int type) {
  return Descriptor(checked(::socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket"));
}

inline void set_option(const Descriptor& socket, int level, int name, int value) {
  checked(::setsockopt(socket.get(), level, name, &value, sizeof value), "setsockopt");
}

inline sockaddr_in ipv4(const std::string& address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1)
    throw std::system_error(EINVAL, std::generic_category(), address);
  return result;
}

inline void bind_to(const Descriptor& socket, const sockaddr_in& address) {
  checked(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
}

inline void connect_to(const Descriptor& socket, const sockaddr_in& address) {
  checked(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
}

}  // namespace rgtp::bench
