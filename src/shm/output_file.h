// The file that a pull writes: invisible until it is complete.
//
//     auto out = OutputFile::create("model.bin", size, IfExists::refuse);
//     if (!out) return fail(out.error());
//     if (auto put = (*out)->write(0, bytes); !put) return put;
//     return (*out)->commit();                                  // now there is a model.bin
//
// Opening, creating, writing and committing may wait for the disk.
//
// Written by system calls, although it is mapped: a store to a fresh page of a mapped file costs a fault,
// which doubles the price of a byte, and is a signal where the disk is full.
#pragma once

#include <filesystem>
#include <memory>

#include <rgtp/puller.h>
#include <rgtp/region.h>

namespace rgtp::shm {

enum class Space {
  reserved,    // so that writing cannot fail for want of it, where the file system can do that
  as_written,  // of a capacity perhaps little is used
};

// The file that a pull writes. Until commit() it has no name, or, where the file system has no O_TMPFILE, one
// that begins with a dot and ends in ".part"; destroying it before commit() leaves nothing behind. A process
// that is killed leaves at most that ".part".
class OutputFile : public Region {
 public:
  // In path's directory, `size` bytes of zeros. A tmpfs reserves nothing: there a page that is reserved
  // before it is written costs as much again, so that there is only seen to that they fit now. The file gets
  // mode 0666 less the umask. The directory is remembered as such: a later chdir() does not matter. Errors,
  // each with the path and a remedy: not_found (no such directory), denied, no_space (says how much is needed
  // and how much is free), already_exists (under IfExists::refuse), invalid_argument (the path is there and
  // is no regular file: a directory, a device), io_error.
  [[nodiscard]] static Result<std::shared_ptr<OutputFile>> create(const std::filesystem::path& path,
                                                                  std::uint64_t size, IfExists if_exists,
                                                                  Space space = Space::reserved);
  ~OutputFile() override;

  // By system calls, like SourceFile's: source_changed, and no signal, where somebody cuts the committed file
  // short.
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override;
  // invalid_argument after commit(), no_space, io_error.
  Result<void> write(std::uint64_t offset, std::span<const std::byte> in) override;
  // The same, of another region's bytes: inside the kernel where both are files that can do that
  // (copy_file_range(2): a file system that shares blocks copies none), else from the region's memory. Any
  // thread. source_changed where the other one is cut short.
  [[nodiscard]] Result<void> copy(const Region& from, std::uint64_t from_offset, std::uint64_t offset,
                                  std::uint64_t length);
  // The whole file as it is now, read-only memory for as long as this object lives, deleted or replaced as
  // the file may be. Whoever cuts the committed file short makes reading here a SIGBUS.
  std::span<const std::byte> mapped() const override;
  std::span<std::byte> writable() override { return {}; }
  std::uint64_t size() const override;

  // Gives the file its name, atomically: replacing what is there (a symbolic link itself, not what it points
  // to), or already_exists under IfExists::refuse. Once; where it failed it may be tried again. A file
  // whose space was not taken before waits for the disk, which may say only then that it is full. Others do
  // not: after a power failure the file may be gone, or have its name and size and hold zeros,
  // and what it replaced is gone then.
  //
  // With a length, only so much of it is kept: what is behind it is gone from the file, and may not be
  // touched in the mapping.
  [[nodiscard]] Result<void> commit() { return commit(size()); }
  [[nodiscard]] Result<void> commit(std::uint64_t length);

 private:
  struct State;
  explicit OutputFile(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace rgtp::shm
