// An Access as the kernel keeps it: the mode of an object, and its POSIX access control list (acl(5)).
#pragma once

#include <filesystem>

#include <rgtp/access.h>

#include "shm/os.h"

namespace rgtp::shm {

// For reading, whatever the umask was; writing stays the owner's. `place` is told in errors: invalid_argument
// where its file system has no such lists, or this host no such users, no_space for too many of them,
// io_error.
[[nodiscard]] Result<void> give_access(const Descriptor& object, const std::filesystem::path& place,
                                       const Access& access);

// The owner's alone again.
[[nodiscard]] Result<void> take_access(const Descriptor& object, const std::filesystem::path& place);

// Whether memory of a surface of the one access may become a surface's of the other: the same few may have
// both. Never everybody's, since nobody knows who has it, nor what somebody decides about.
bool may_share_memory(const Access& a, const Access& b);

// Whether everybody whom the access names may read the file, as far as its mode tells. What a list of its own
// says is left to the kernel: yes. No where the file cannot be found, and where somebody is to decide: who
// may read a file needs not ask.
bool may_read(const std::filesystem::path& file, const Access& access);

}  // namespace rgtp::shm
