#include "shm/os.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include <boost/interprocess/exceptions.hpp>
#include <sys/mman.h>
#include <sys/uio.h>

namespace rgtp::shm {

namespace fs = std::filesystem;
namespace bip = boost::interprocess;

namespace {

// What can be done about a failure, where its code alone does not say it.
std::string_view remedy_of(int error, std::string_view otherwise) {
  switch (error) {
    case EMFILE:
    case ENFILE: return "close some files or raise the limit (ulimit -n)";
    case ENOMEM: return "raise the limit on address space (ulimit -v) or pull a range";
    case EIO: return "check the disk";
    default: return otherwise;
  }
}

// What Boost.Interprocess asks of something that it is to map.
class Mappable {
 public:
  explicit Mappable(int fd) : fd_(fd) {}
  bip::mapping_handle_t get_mapping_handle() const {
    return bip::ipcdetail::mapping_handle_from_file_handle(fd_);
  }

 private:
  int fd_;
};

// 0 or an errno: EBUSY where something stands at `place`, unless it may be replaced (MAP_FIXED).
int map_at(int fd, bip::mode_t mode, std::uint64_t size, void* place, bip::map_options_t options,
           bip::mapped_region& mapping) {
  try {
    bip::mapped_region(Mappable(fd), mode, 0, size, place, options).swap(mapping);
    return 0;
  } catch (const bip::interprocess_exception& exception) {
    return exception.get_native_error() != 0 ? exception.get_native_error() : EBUSY;
  }
}

// Into a larger place that is taken first, so that no other thread has it meanwhile.
int map_in_taken_place(int fd, bip::mode_t mode, std::uint64_t size, bip::mapped_region& mapping) {
  const std::size_t room = size + huge_page_bytes;
  void* const taken = ::mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (taken == MAP_FAILED) return errno;
  auto* const begin = static_cast<char*>(taken);
  const std::size_t beyond = reinterpret_cast<std::uintptr_t>(taken) % huge_page_bytes;
  const std::size_t before = (huge_page_bytes - beyond) % huge_page_bytes;
  const int error = map_at(fd, mode, size, begin + before, MAP_FIXED, mapping);
  const std::size_t page = bip::mapped_region::get_page_size();
  const std::size_t end = error == 0 ? before + (size + page - 1) / page * page : before;
  if (before > 0) ::munmap(begin, before);
  if (room > end) ::munmap(begin + end, room - end);
  return error;
}

// At a multiple of a huge page, which the kernel does not see to by itself. Where the last one was, if it is
// gone, or right below it there is room, as a rule, and one call takes it.
int map_aligned(int fd, bip::mode_t mode, std::uint64_t size, bip::mapped_region& mapping) {
  static std::atomic<char*> last = nullptr;
  const std::uint64_t room = (size + huge_page_bytes - 1) / huge_page_bytes * huge_page_bytes;
  char* place = last;
  unsigned char is_cached = 0;
  const bool is_taken = place != nullptr && ::mincore(place, 1, &is_cached) == 0;
  if (is_taken) place = reinterpret_cast<std::uintptr_t>(place) > room ? place - room : nullptr;
  int error = EBUSY;
  if (place != nullptr) error = map_at(fd, mode, size, place, bip::default_map_options, mapping);
  if (error == EBUSY) error = map_in_taken_place(fd, mode, size, mapping);
  if (error == 0) last = static_cast<char*>(mapping.get_address());
  return error;
}

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

}  // namespace

std::string quoted(const fs::path& path) { return "'" + path.string() + "'"; }

Errc code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return Errc::not_found;
    case EACCES:
    case EPERM:
    case EROFS: return Errc::denied;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM: return Errc::no_space;
    case EEXIST: return Errc::already_exists;
    case EISDIR:
    case ENXIO:  // opening a socket
    case ENAMETOOLONG: return Errc::invalid_argument;
    default: return Errc::io_error;
  }
}

tl::unexpected<Error> os_failure(std::string_view action, const fs::path& path, int error,
                                 std::string_view remedy) {
  return fail(code_of(error), "cannot " + std::string(action) + ' ' + quoted(path) + ": " +
                                  std::generic_category().message(error) + ": " +
                                  std::string(remedy_of(error, remedy)));
}

Result<ReadStatus> Reader::read(int fd, std::string_view path, std::uint64_t offset, std::span<std::byte> out,
                                ReadMode mode) const {
  while (!out.empty()) {
    const bool nowait = mode == ReadMode::cached_only && knows_nowait_.load(std::memory_order_relaxed);
    const iovec into{out.data(), out.size()};
    const ssize_t got = ::preadv2(fd, &into, 1, static_cast<off_t>(offset), nowait ? RWF_NOWAIT : 0);
    if (got > 0) {
      offset += static_cast<std::uint64_t>(got);
      out = out.subspan(static_cast<std::size_t>(got));
    } else if (got == 0) {
      return fail(Errc::source_changed,
                  quoted(fs::path(path)) + " ends at byte " + std::to_string(offset) +
                      ", it was cut short while in use: leave the file alone or use a copy");
    } else if (nowait && errno == EAGAIN) {
      return ReadStatus::would_block;
    } else if (nowait && errno == EOPNOTSUPP) {
      knows_nowait_.store(false, std::memory_order_relaxed);
    } else if (errno != EINTR) {
      return os_failure("read", path, errno, "see the system's log");
    }
  }
  return ReadStatus::done;
}

FileStamp stamp_of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .mtime_ns = nanoseconds(status.st_mtim),
          .ctime_ns = nanoseconds(status.st_ctim)};
}

std::string proc_name(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

int map_file(int fd, bip::mode_t mode, std::uint64_t size, bip::mapped_region& mapping) {
  if (size == 0) return 0;
  if (size >= huge_page_bytes && map_aligned(fd, mode, size, mapping) == 0) return 0;
  return map_at(fd, mode, size, nullptr, bip::default_map_options, mapping);
}

std::uint64_t huge_page_bytes_mapped(std::span<const std::byte> memory) {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
  std::ifstream mappings("/proc/self/smaps");
  std::uint64_t kib = 0;
  bool is_ours = false;
  for (std::string line; std::getline(mappings, line);) {
    constexpr std::string_view field = "ShmemPmdMapped:";
    // Its first line is "7f0000000000-7f0000200000 r--s ...".
    char* rest = nullptr;
    const std::uintptr_t from = std::strtoull(line.c_str(), &rest, 16);
    if (*rest == '-') {
      const std::uintptr_t to = std::strtoull(rest + 1, nullptr, 16);
      if (from >= begin + memory.size()) break;  // they are in order
      is_ours = begin < to;
    } else if (is_ours && line.starts_with(field)) {
      kib += std::strtoull(line.c_str() + field.size(), nullptr, 10);
    }
  }
  return kib * 1024;
}

int write_fully(int fd, std::uint64_t offset, std::span<const std::byte> in) {
  while (!in.empty()) {
    const ssize_t put = ::pwrite(fd, in.data(), in.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return put < 0 ? errno : EIO;
    offset += static_cast<std::uint64_t>(put);
    in = in.subspan(static_cast<std::size_t>(put));
  }
  return 0;
}

}  // namespace rgtp::shm
