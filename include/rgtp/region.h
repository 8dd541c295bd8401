// A region is where a surface's bytes live: the heap, a file, later a shared segment.
#pragma once

#include <memory>
#include <span>

#include <rgtp/types.h>

namespace rgtp {

// Whether a read may wait for a disk. The event loop's thread asks with `cached_only`.
enum class ReadMode { may_block, cached_only };

// What a successful read came to.
enum class ReadStatus { done, would_block };

// Bytes 0 to size() - 1. Offsets and lengths beyond the end are a programmer's error. Reading is safe from
// any thread; writing is safe for bytes that nobody reads yet.
class RGTP_EXPORT Region {
 public:
  virtual ~Region();

  virtual std::uint64_t size() const = 0;

  // Fills `out` from `offset` on. would_block only under ReadMode::cached_only. Errors: source_changed where
  // a file has become shorter, io_error.
  [[nodiscard]] virtual Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out,
                                                ReadMode mode) const = 0;
  [[nodiscard]] virtual Result<void> write(std::uint64_t offset, std::span<const std::byte> in) = 0;

  // The bytes themselves where reading them is plain memory access that cannot fail; empty otherwise.
  virtual std::span<const std::byte> mapped() const = 0;
  // The same for writing; empty for a region that is read-only or not memory.
  virtual std::span<std::byte> writable() = 0;

  // Whether the bytes are still those that the region was made for; source_changed otherwise.
  [[nodiscard]] virtual Result<void> check_unchanged() const { return {}; }
};

}  // namespace rgtp
