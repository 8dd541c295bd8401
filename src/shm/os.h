// What this layer's files share: the system's errors as ours, reading that survives truncation, stamps,
// mappings.
#pragma once

#include <atomic>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <boost/interprocess/mapped_region.hpp>
#include <sys/stat.h>

#include <rgtp/region.h>

#include "core/descriptor.h"

namespace rgtp::shm {

using core::Descriptor;

std::string quoted(const std::filesystem::path& path);
// The code for an errno.
Errc code_of(int error);
// "cannot open 'x': Permission denied: choose another file". Where the errno alone says what to do, that
// stands instead of `remedy`.
tl::unexpected<Error> os_failure(std::string_view action, const std::filesystem::path& path, int error,
                                 std::string_view remedy);

// Reads a file through its descriptor, where one that became shorter is a short read and not a signal.
class Reader {
 public:
  // As Region::read(). source_changed where the file ends before `out` is full.
  Result<ReadStatus> read(int fd, std::string_view path, std::uint64_t offset, std::span<std::byte> out,
                          ReadMode mode) const;

 private:
  mutable std::atomic<bool> knows_nowait_{true};
};

// All of it; 0 or an errno.
int write_fully(int fd, std::uint64_t offset, std::span<const std::byte> in);

FileStamp stamp_of(const struct stat& status);

// The name of a descriptor's file below /proc, through which it can be reopened or linked.
std::string proc_name(int fd);

// What mappings and advice about them begin at a multiple of.
inline constexpr std::uint64_t page_bytes = 4096;
inline constexpr std::uint64_t huge_page_bytes = 2 * 1024 * 1024;

// Maps [0, size) of a file through Boost.Interprocess, which reports by exception; 0 or an errno here. From
// the size of a huge page on where such pages can be made and mapped as such, if that can be had. The file is
// at least that long: nobody checks.
int map_file(int fd, boost::interprocess::mode_t mode, std::uint64_t size,
             boost::interprocess::mapped_region& mapping);

// Of mapped shared memory: bytes that are mapped by huge pages (proc_pid_smaps(5), ShmemPmdMapped).
std::uint64_t huge_page_bytes_mapped(std::span<const std::byte> memory);

inline std::span<std::byte> bytes_of(const boost::interprocess::mapped_region& mapping) {
  return {static_cast<std::byte*>(mapping.get_address()), mapping.get_size()};
}

}  // namespace rgtp::shm
