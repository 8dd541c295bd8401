// A TUN device in a network namespace: the kernel's end of it is an interface there, ours reads and writes
// whole IP packets.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace rgtp::bench {

class TunDevice {
 public:
  // Opens, or makes, the device called `name` in the namespace that `ip netns` calls `space`. Needs root.
  // Throws std::system_error. The calling thread stays in the namespace that it is in.
  TunDevice(const std::string& space, const std::string& name);
  TunDevice(TunDevice&& other) noexcept;
  TunDevice& operator=(TunDevice&&) = delete;
  ~TunDevice();

  int fd() const { return fd_; }
  // How many bytes the next packet, which the namespace sent, has; nothing where there is none. Never waits.
  std::optional<std::size_t> read(std::span<std::byte> out);
  // Hands the namespace a packet; false where it has no room.
  bool write(std::span<const std::byte> packet);

 private:
  int fd_;
};

}  // namespace rgtp::bench
