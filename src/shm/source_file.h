// An exposed file as a region, read with system calls so that nobody can turn it into a signal.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <rgtp/region.h>

#include "shm/open_files.h"
#include "shm/os.h"

namespace rgtp::shm {

// An exposed file. Never read through a mapping by the library: a file that is cut short there is a
// SIGBUS. Of all that a process exposes only so many are open at once (open_files.h): one that was closed is
// opened by its name again, and is read only where it is the same file still.
class SourceFile : public Region {
 public:
  // Opens a regular file for reading, through symbolic links, and remembers device, inode, size, mtime and
  // ctime. Never blocks on a planted FIFO or device. Errors: not_found, denied, invalid_argument (not a
  // regular file), io_error.
  [[nodiscard]] static Result<std::shared_ptr<SourceFile>> open(const std::filesystem::path& path);
  ~SourceFile() override;

  // preadv2; under cached_only with RWF_NOWAIT, so that would_block means the page cache lacks some of it,
  // or that the file is to be opened again. File systems that do not know RWF_NOWAIT are read plainly.
  // source_changed where the file ends before `out` is full, or was changed while it was closed. After
  // would_block or an error `out` holds anything.
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override;
  // Always an error: an exposed file is not written.
  Result<void> write(std::uint64_t offset, std::span<const std::byte> in) override;
  std::span<const std::byte> mapped() const override { return {}; }
  std::span<std::byte> writable() override { return {}; }
  // source_changed where size, mtime or ctime differ. So it is source_changed too
  // where the file was renamed, replaced or deleted: its bytes can still be read, but not found again by its
  // name.
  Result<void> check_unchanged(ReadMode mode) const override;

  // Under its absolute name.
  std::optional<RegionFile> file() const override;

  std::uint64_t size() const override { return stamp_.size; }
  // As it was named, for messages.
  std::filesystem::path path() const { return named(); }

 private:
  SourceFile(std::string place, std::size_t named_from, const FileStamp& stamp)
      : place_(std::move(place)), named_from_(named_from), stamp_(stamp) {}
  std::string_view named() const { return std::string_view(place_).substr(named_from_); }
  // Nothing where it is closed and to be opened by somebody who may wait.
  Result<OpenFiles::File> opened(ReadMode mode) const;
  tl::unexpected<Error> changed() const;

  // Where it is, wherever this process goes. No path, which keeps each of its parts as well: a process
  // exposes many files.
  const std::string place_;
  const std::size_t named_from_;  // what is before it stood for the working directory
  const FileStamp stamp_;
  Reader reader_;
};

}  // namespace rgtp::shm
