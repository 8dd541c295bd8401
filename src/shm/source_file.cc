#include "shm/source_file.h"

#include <cassert>
#include <cerrno>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/per_process.h"

namespace rgtp::shm {

namespace fs = std::filesystem;

namespace {

OpenFiles& open_files() { return core::of_this_process<OpenFiles>(); }

// -1 and errno where it fails: EAGAIN too under cached_only.
Descriptor open_to_read(const fs::path& path, ReadMode mode, struct stat& status) {
  // O_NONBLOCK only so that a FIFO without a writer does not hold us up. Names that are not in memory are
  // left to whoever may wait for a disk (Linux 5.12; older kernels always leave them).
  const open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                        .mode = 0,
                        .resolve = mode == ReadMode::cached_only ? RESOLVE_CACHED : 0U};
  Descriptor file(how.resolve == 0
                      ? ::open(path.c_str(), static_cast<int>(how.flags))
                      : static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  if (!file && how.resolve != 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM)) errno = EAGAIN;
  if (!file || ::fstat(file.get(), &status) != 0) return Descriptor();
  ::fcntl(file.get(), F_SETFL, 0);
  return file;
}

// Of somebody else by now, or of nobody.
bool is_gone(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

}  // namespace

SourceFile::~SourceFile() { open_files().drop(this); }

Result<std::shared_ptr<SourceFile>> SourceFile::open(const fs::path& path) {
  struct stat status = {};
  Descriptor file = open_to_read(path, ReadMode::may_block, status);
  if (!file) return os_failure("open", path, errno, "name a file that exists and that you may read");
  if (!S_ISREG(status.st_mode))
    return fail(Errc::invalid_argument,
                quoted(path) + " is not a regular file: name one, or copy what it gives into one");
  std::error_code error;
  const auto place = fs::absolute(path, error);
  if (error) return os_failure("find", path, error.value(), "name it by its whole path");
  const std::size_t named_from = place.native().size() - path.native().size();
  std::shared_ptr<SourceFile> source(new SourceFile(place.native(), named_from, stamp_of(status)));
  open_files().keep(source.get(), std::make_shared<const Descriptor>(std::move(file)));
  return source;
}

Result<OpenFiles::File> SourceFile::opened(ReadMode mode) const {
  auto file = open_files().find(this);
  if (file != nullptr) return file;
  struct stat status = {};
  Descriptor again = open_to_read(place_, mode, status);
  if (!again && mode == ReadMode::cached_only && (errno == EAGAIN || errno == EMFILE || errno == ENFILE))
    return file;
  if (!again && is_gone(errno)) return changed();
  if (!again) return os_failure("open", path(), errno, "see that it can still be read");
  if (stamp_of(status) != stamp_) return changed();
  file = std::make_shared<const Descriptor>(std::move(again));
  open_files().keep(this, file);
  return file;
}

Result<ReadStatus> SourceFile::read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const {
  assert(offset <= size() && out.size() <= size() - offset);
  const auto file = opened(mode);
  if (!file) return fail(file.error());
  if (*file == nullptr) return ReadStatus::would_block;
  return reader_.read((*file)->get(), named(), offset, out, mode);
}

Result<void> SourceFile::write(std::uint64_t /*offset*/, std::span<const std::byte> /*in*/) {
  return fail(Errc::invalid_argument,
              quoted(path()) + " is exposed and cannot be written: write another file");
}

Result<void> SourceFile::check_unchanged(ReadMode mode) const {
  const auto file = opened(mode);
  if (!file) return fail(file.error());
  if (*file == nullptr) return {};
  struct stat status = {};
  if (::fstat((*file)->get(), &status) != 0)
    return os_failure("look at", path(), errno, "see the system's log");
  if (stamp_of(status) == stamp_) return {};
  return changed();
}

tl::unexpected<Error> SourceFile::changed() const {
  return fail(Errc::source_changed,
              quoted(path()) + " was changed, replaced or deleted since it was opened: expose it again");
}

std::optional<RegionFile> SourceFile::file() const { return RegionFile{place_, stamp_}; }

}  // namespace rgtp::shm
