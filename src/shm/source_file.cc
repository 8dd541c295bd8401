#include "shm/source_file.h"

#include <cassert>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "shm/os.h"

namespace rgtp::shm {

namespace fs = std::filesystem;

struct SourceFile::State {
  fs::path path;
  Descriptor file;
  FileStamp stamp;
  Reader reader = {};
};

SourceFile::SourceFile(std::unique_ptr<const State> state) : state_(std::move(state)) {}
SourceFile::~SourceFile() = default;

Result<std::shared_ptr<SourceFile>> SourceFile::open(const fs::path& path) {
  // O_NONBLOCK only so that a FIFO without a writer does not hold us up.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status = {};
  if (!file || ::fstat(file.get(), &status) != 0)
    return os_failure("open", path, errno, "name a file that exists and that you may read");
  if (!S_ISREG(status.st_mode))
    return fail(Errc::invalid_argument,
                quoted(path) + " is not a regular file: name one, or copy what it gives into one");
  ::fcntl(file.get(), F_SETFL, 0);
  auto state = std::unique_ptr<State>(new State{path, std::move(file), stamp_of(status)});
  return std::shared_ptr<SourceFile>(new SourceFile(std::move(state)));
}

Result<ReadStatus> SourceFile::read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const {
  assert(offset <= size() && out.size() <= size() - offset);
  return state_->reader.read(state_->file.get(), state_->path, offset, out, mode);
}

Result<void> SourceFile::write(std::uint64_t /*offset*/, std::span<const std::byte> /*in*/) {
  return fail(Errc::invalid_argument,
              quoted(path()) + " is exposed and cannot be written: write another file");
}

Result<void> SourceFile::check_unchanged() const {
  struct stat status = {};
  if (::fstat(state_->file.get(), &status) != 0)
    return os_failure("look at", path(), errno, "see the system's log");
  if (stamp_of(status) == state_->stamp) return {};
  return fail(Errc::source_changed,
              quoted(path()) + " was changed, replaced or deleted since it was opened: expose it again");
}

std::uint64_t SourceFile::size() const { return state_->stamp.size; }
const fs::path& SourceFile::path() const { return state_->path; }

std::optional<RegionFile> SourceFile::file() const {
  std::error_code error;
  auto absolute = fs::absolute(path(), error);
  if (error) return std::nullopt;
  return RegionFile{std::move(absolute), state_->stamp};
}

}  // namespace rgtp::shm
