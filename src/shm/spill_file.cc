#include "shm/spill_file.h"

#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace rgtp::shm {

namespace {

constexpr std::string_view remedy = "name another directory in ExposerOptions::spill_directory";

Descriptor open_unnamed(const std::filesystem::path& directory) {
  Descriptor file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
  // A file system that knows no unnamed ones: it has a name for a moment.
  std::string name = directory / "rgtp-sealed-XXXXXX";
  file = Descriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (file) ::unlink(name.c_str());
  return file;
}

}  // namespace

Result<std::shared_ptr<SpillFile>> SpillFile::make(const std::filesystem::path& directory,
                                                   std::uint64_t size) {
  Descriptor file = open_unnamed(directory);
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
    return os_failure("make a file for sealed bytes in", directory, errno, remedy);
  return std::shared_ptr<SpillFile>(new SpillFile(directory, std::move(file), size));
}

Result<ReadStatus> SpillFile::read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const {
  assert(offset <= size_ && out.size() <= size_ - offset);
  return reader_.read(file_.get(), directory_.native(), offset, out, mode);
}

Result<void> SpillFile::write(std::uint64_t offset, std::span<const std::byte> in) {
  assert(offset <= size_ && in.size() <= size_ - offset);
  if (const int error = write_fully(file_.get(), offset, in); error != 0)
    return os_failure("write sealed bytes in", directory_, error, remedy);
  return {};
}

}  // namespace rgtp::shm
