// What RGTP has on this host: surfaces in shared memory, and what dead exposers left behind.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <rgtp/error.h>
#include <rgtp/region.h>
#include <rgtp/types.h>

namespace rgtp {

// A segment as its header says, which its owner wrote.
struct HostSurface {
  std::string file;  // the object's name in the directory
  uid_t user = 0;
  // What follows is there only where this user may open the segment and its header is good.
  struct Details {
    SurfaceId id;
    std::string name;
    std::uint64_t size = 0;  // the capacity, while the final size is not known
    bool size_known = false;
    std::uint32_t chunks = 0;
    std::uint32_t published = 0;
    SurfaceState state = SurfaceState::growing;
    bool persistent = false;  // finished, it stays when its exposer is dead
    bool owner_alive = false;
    std::optional<std::filesystem::path> source;  // the file that the bytes are, else they are in the segment
  };
  std::optional<Details> details;
  std::string problem;  // why there are none
};

// Every segment in the directory, in the order of names. Changes nothing. not_found, denied (the directory),
// io_error.
[[nodiscard]] RGTP_EXPORT Result<std::vector<HostSurface>> list_host_surfaces(
    const std::filesystem::path& directory = "/dev/shm");

// What a clean-up removed.
struct Cleared {
  std::uint32_t segments = 0;
  std::uint32_t names = 0;   // rgtp://local/...
  std::uint32_t owners = 0;  // lock files
  std::uint64_t bytes = 0;   // of the segments; memory that readers still map is freed when they let go
  std::vector<std::string> problems;
};

struct ClearOptions {
  // Persistent surfaces that are finished too, which stay otherwise: all of them, or those of this name, that
  // were exposed so long ago, by the system's clock. Nothing else here goes by a clock.
  bool persistent = false;
  std::string name = {};
  std::optional<std::chrono::seconds> older_than = {};
  // Tells what would be removed, and removes nothing.
  bool look_only = false;
};

// Removes what exposers left that are dead: this user's, or everybody's for root. Never what is alive. An
// exposer does the same for its user when it begins, without options. not_found, denied (the directory),
// io_error.
[[nodiscard]] RGTP_EXPORT Result<Cleared> clear_host(const std::filesystem::path& directory = "/dev/shm",
                                                     const ClearOptions& options = {});

}  // namespace rgtp
