// Unix sockets as the broker and its askers use them: a record a message, a descriptor beside it.
#pragma once

#include <filesystem>
#include <optional>
#include <span>

#include <rgtp/access.h>

#include "shm/os.h"

namespace rgtp::shm {

// SOCK_SEQPACKET, which nothing waits for. -1 and errno where it fails, as below.
Descriptor unix_socket();
int bind_to(const Descriptor& socket, const std::filesystem::path& path);
// Whatever the length of the path. EAGAIN where the one who listens has enough to do.
int connect_to(const Descriptor& socket, const std::filesystem::path& path);
// Who connected, or for who connects who listens; nothing where the system does not say.
std::optional<Asker> peer_of(const Descriptor& socket);

// One message. False where it did not go.
bool send_with(const Descriptor& socket, std::span<const std::byte> bytes, const Descriptor& passed);
// The next message, in so many bytes of `out`, and the descriptor that came with it, if one did. -1 and
// errno.
struct ReceivedMessage {
  ssize_t bytes = -1;
  Descriptor passed;
};
ReceivedMessage receive_with(const Descriptor& socket, std::span<std::byte> out);

}  // namespace rgtp::shm
