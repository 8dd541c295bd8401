// Files as regions: one that is exposed, read with system calls so that nobody can turn it into a signal, and
// one that a pull writes, mapped and invisible until it is complete.
#pragma once

#include <filesystem>
#include <memory>

#include <rgtp/puller.h>
#include <rgtp/region.h>

namespace rgtp::shm {

// An exposed file. Never mapped by the library: a file that is cut short under a mapping is a SIGBUS.
class SourceFile : public Region {
 public:
  // Opens a regular file for reading and remembers device, inode, size, mtime and ctime. Never blocks on a
  // planted FIFO or device. Errors: not_found, denied, invalid_argument (not a regular file), io_error.
  [[nodiscard]] static Result<std::shared_ptr<SourceFile>> open(const std::filesystem::path& path);

  // preadv2; under cached_only with RWF_NOWAIT, so that would_block means the page cache lacks some of it.
  // File systems that do not know RWF_NOWAIT are read plainly. source_changed where the file ends before
  // `out` is full.
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override;
  // Always an error: an exposed file is not written.
  Result<void> write(std::uint64_t offset, std::span<const std::byte> in) override;
  std::span<const std::byte> mapped() const override { return {}; }
  std::span<std::byte> writable() override { return {}; }
  // One fstat; source_changed where size, mtime or ctime differ.
  Result<void> check_unchanged() const override;

  std::uint64_t size() const override;
  const std::filesystem::path& path() const;
};

// The file that a pull writes. Until commit() it has no name, or, where the file system has no O_TMPFILE, one
// that begins with a dot and ends in ".part"; destroying it before commit() leaves nothing behind.
class OutputFile : public Region {
 public:
  // In path's directory, `size` bytes, reserved now so that writing to the mapping cannot fail. The file gets
  // mode 0666 less the umask. Errors, each with the path and a remedy: not_found (no such directory), denied,
  // no_space (says how much is needed and how much is free), already_exists (under IfExists::refuse),
  // invalid_argument (the path is a directory), io_error.
  [[nodiscard]] static Result<std::shared_ptr<OutputFile>> create(const std::filesystem::path& path,
                                                                  std::uint64_t size, IfExists if_exists);

  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override;
  Result<void> write(std::uint64_t offset, std::span<const std::byte> in) override;
  // The whole file, for as long as this object lives; after commit() it is read-only memory.
  std::span<const std::byte> mapped() const override;
  std::span<std::byte> writable() override;
  std::uint64_t size() const override;

  // Gives the file its name, atomically: replacing what is there, or already_exists under IfExists::refuse.
  // Once.
  [[nodiscard]] Result<void> commit();
};

}  // namespace rgtp::shm
