// `rgtp doctor`: which of a host's settings RGTP goes by, what each costs here, and how to change it. Nothing
// is changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace rgtp::cli {

// As the system says them; nothing where it does not.
struct HostSettings {
  struct SharedMemory {
    std::string file_system;  // "tmpfs"
    std::string huge;         // the mount option, "never" where there is none
    std::uint64_t bytes = 0;
    std::uint64_t free_bytes = 0;
    bool is_writable = false;  // for this user
    bool has_access_lists = false;
  };
  std::filesystem::path directory = "/dev/shm";
  std::optional<SharedMemory> shared_memory = {};
  std::optional<std::uint64_t> memory_bytes = {};        // that this host has
  std::string shmem_enabled = {};                        // transparent huge pages for shared memory
  std::optional<std::uint64_t> receive_buffer_max = {};  // net.core.rmem_max
  std::optional<std::uint64_t> send_buffer_max = {};     // net.core.wmem_max
  std::optional<std::uint64_t> open_files = {};          // RLIMIT_NOFILE
  std::optional<std::uint64_t> address_space = {};       // RLIMIT_AS; nothing where there is no limit
  std::optional<std::uint64_t> mappings = {};            // vm.max_map_count
  std::uint32_t dead_surfaces = 0;                       // of processes that have ended, of this user or all
  std::uint32_t dead_names = 0;                          // and lock files and sockets
  std::uint64_t dead_bytes = 0;
};
HostSettings read_host_settings(const std::filesystem::path& directory = "/dev/shm");

struct Finding {
  enum class Grade {
    good,
    costs,   // it works, at a price
    broken,  // a route or an option is not there
  };
  Grade grade = Grade::good;
  std::string what;    // the setting as it is
  std::string cost;    // empty where it costs nothing
  std::string remedy;  // the command or the option that changes it
};
// In the order of what matters most.
std::vector<Finding> diagnose(const HostSettings& settings);

// A line for each setting, with its cost and remedy below.
std::string report_on(const std::vector<Finding>& findings);

}  // namespace rgtp::cli
