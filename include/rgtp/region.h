// A region is where a surface's bytes live: the heap, a file, a shared segment.
#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include <rgtp/types.h>

namespace rgtp {

// Whether a read may wait for a disk. The event loop's thread asks with `cached_only`.
enum class ReadMode { may_block, cached_only };

// What a successful read came to.
enum class ReadStatus { done, would_block };

// How far a surface is.
enum class SurfaceState : std::uint32_t {
  growing = 1,    // chunks are still to come
  finished = 2,   // every chunk is published and the final size is known
  aborted = 3,    // the writer gave up before it finished
  withdrawn = 4,  // the exposer took it back
};

// Authenticates the final size of a sealed surface that grew; zeros of any other.
using EndTag = std::array<std::byte, 16>;

// The head of the Merkle tree over a surface's chunks, which its root covers; zeros where it has none.
using TreeHead = std::array<std::byte, 32>;

// Where a surface that grew ends. A bare number is that of a surface that is not sealed.
struct FinalSize {
  FinalSize(std::uint64_t size, const EndTag& end_tag = {}) : bytes(size), tag(end_tag) {}

  std::uint64_t bytes;
  EndTag tag;
};

// By what a file is known to be the same and unchanged.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// A file whose bytes are a surface's, for who may map it on this host.
struct RegionFile {
  std::filesystem::path path;  // absolute
  FileStamp stamp;
};

// What a region that other processes read keeps beside the bytes: a bit and a trailer a chunk. Empty where
// the region has no room for them.
struct RegionIndex {
  std::span<std::atomic<std::uint64_t>> bitmap;
  std::span<std::byte> trailers;
};

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
  // Whether nobody can change them any more, their owner and their maker included.
  virtual bool is_unchangeable() const { return false; }
  // Whether mapped() is all of the bytes, which an empty region has too.
  bool is_memory() const { return mapped().size() == size(); }
  // The same for writing; empty for a region that is read-only or not memory.
  virtual std::span<std::byte> writable() = 0;

  // Whether the bytes are still those that the region was made for; source_changed otherwise. What cannot be
  // seen under cached_only passes: reading shows it.
  [[nodiscard]] virtual Result<void> check_unchanged(ReadMode /*mode*/) const { return {}; }
  // The file that the bytes are, where they are one's.
  virtual std::optional<RegionFile> file() const { return std::nullopt; }

  // Where the bytes begin in a file that is open, where they are in one: for copying inside the kernel.
  struct InFile {
    int descriptor = -1;  // the region's, for as long as it is held
    std::uint64_t offset = 0;
  };
  virtual std::optional<InFile> in_file() const { return std::nullopt; }

  // Maps these bytes in this process now, rather than when each page is read for the first time.
  virtual void prefault(std::uint64_t /*offset*/, std::uint64_t /*length*/) const {}

  // What follows is the store's, for a region that others see grow; they do nothing elsewhere. Any thread.
  virtual RegionIndex index() { return {}; }
  // Takes memory for these bytes, which are written next, so that writing cannot fail. no_space.
  [[nodiscard]] virtual Result<void> reserve(std::uint64_t /*offset*/, std::uint64_t /*length*/) {
    return {};
  }
  // A chunk's bit was set: tells whoever waits.
  virtual void on_published() {}
  // The final size is known: told before the last chunks are published and before the end.
  virtual void on_final_size(const FinalSize& /*size*/) {}
  // The surface is not growing any more.
  virtual void on_state(SurfaceState /*state*/) {}
};

}  // namespace rgtp
