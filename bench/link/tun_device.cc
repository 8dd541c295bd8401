#include "link/tun_device.h"

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace rgtp::bench {

namespace {

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), path);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// The calling thread is in another network namespace for as long as this lives.
class Visit {
 public:
  explicit Visit(const std::string& space) : home_("/proc/thread-self/ns/net", O_RDONLY) {
    const Descriptor there("/run/netns/" + space, O_RDONLY);
    if (::setns(there.get(), CLONE_NEWNET) != 0)
      throw std::system_error(errno, std::generic_category(), "setns " + space);
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  // Home again; a program that cannot go back is of no use.
  ~Visit() {
    if (::setns(home_.get(), CLONE_NEWNET) != 0) std::terminate();
  }

 private:
  Descriptor home_;
};

int open_tun(const std::string& space, const std::string& name) {
  const Visit visit(space);
  Descriptor device("/dev/net/tun", O_RDWR | O_NONBLOCK);
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(device.get(), TUNSETIFF, &request) != 0)
    throw std::system_error(errno, std::generic_category(), "TUNSETIFF " + name);
  return device.release();
}

}  // namespace

TunDevice::TunDevice(const std::string& space, const std::string& name) : fd_(open_tun(space, name)) {}

TunDevice::TunDevice(TunDevice&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

TunDevice::~TunDevice() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<std::size_t> TunDevice::read(std::span<std::byte> out) {
  const ssize_t got = ::read(fd_, out.data(), out.size());
  if (got >= 0) return static_cast<std::size_t>(got);
  if (errno == EAGAIN || errno == EINTR) return std::nullopt;
  throw std::system_error(errno, std::generic_category(), "read from a TUN device");
}

bool TunDevice::write(std::span<const std::byte> packet) {
  return ::write(fd_, packet.data(), packet.size()) == static_cast<ssize_t>(packet.size());
}

}  // namespace rgtp::bench
