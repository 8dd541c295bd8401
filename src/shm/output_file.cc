#include "shm/output_file.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "shm/os.h"

namespace rgtp::shm {

namespace fs = std::filesystem;
namespace bip = boost::interprocess;

namespace {

constexpr std::string_view another_directory = "choose a directory that exists and that you may write to";

bool is_in_memory(int fd) {
  struct statfs system = {};
  return ::fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

// 0, or why not; EOPNOTSUPP where the file system cannot.
int take_disk_space(int fd, std::uint64_t size) {
  if (size == 0 || is_in_memory(fd)) return 0;
  int failed = 0;
  do failed = ::fallocate(fd, 0, 0, static_cast<off_t>(size));
  while (failed != 0 && errno == EINTR);
  if (failed == 0) return 0;
  return errno == ENOSYS || errno == EINVAL ? EOPNOTSUPP : errno;
}

// A file without a name can be given one only through /proc.
Descriptor open_unnamed(int directory) {
  Descriptor file(::openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666));
  if (file && ::access(proc_name(file.get()).c_str(), F_OK) != 0) {
    errno = EOPNOTSUPP;
    return Descriptor(-1);
  }
  return file;
}

// EISDIR and ENOENT are what kernels and file systems say that take O_TMPFILE for a plain open.
bool lacks_unnamed_files(int error) { return error == EOPNOTSUPP || error == EISDIR || error == ENOENT; }

tl::unexpected<Error> source_cut_short() {
  return fail(Errc::source_changed, "the surface's memory was cut short by its owner while it was copied");
}

// ".<name>.XXXXXX.part", of at most 255 bytes.
std::string random_part_name(const std::string& name) {
  constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuv";
  std::array<unsigned char, 6> random{};
  // Without randomness the name is a guess like any other: it is never used unless it is free.
  [[maybe_unused]] const ssize_t got = ::getrandom(random.data(), random.size(), GRND_NONBLOCK);
  std::string part = "." + name.substr(0, 200) + ".";
  for (const unsigned char byte : random) part += digits[byte % digits.size()];
  return part + ".part";
}

}  // namespace

struct OutputFile::State {
  enum class Stage { writing, complete, committed };

  fs::path path;
  std::string name;
  std::uint64_t size;
  IfExists if_exists;
  Descriptor directory;
  Descriptor file{-1};
  bool is_reserved = false;    // what is written cannot fail for want of space any more
  std::string part_name = {};  // empty while the file has no name at all
  bip::mapped_region mapping = {};
  Stage stage = Stage::writing;
  Reader reader = {};
  std::atomic<bool> copies_inside = true;  // as far as is known

  ~State() {
    if (!part_name.empty()) ::unlinkat(directory.get(), part_name.c_str(), 0);
  }

  Result<void> check_target() const;
  Result<void> open_file();
  Result<void> take_space(Space space);
  std::optional<struct statvfs> free_space() const;
  Result<void> check_writable() const;
  // For a write that failed.
  tl::unexpected<Error> not_written(int error) const;
  tl::unexpected<Error> no_space(int error, const std::string& attempt = "reserve space for") const;
  int give_name();
  int rename_part();
  int link_file(const std::string& as) const;

  // Calls attempt(a name) until the name is not taken. What the last attempt returned, with its errno.
  template <class Attempt>
  int under_a_part_name(Attempt attempt);
};

// Before the transfer rather than after it. What is no regular file is left alone: a rename would replace
// /dev/null as readily as anything.
Result<void> OutputFile::State::check_target() const {
  struct stat status = {};
  const bool there = ::fstatat(directory.get(), name.c_str(), &status, 0) == 0;
  if (name.empty() || (there && !S_ISREG(status.st_mode)))
    return fail(Errc::invalid_argument,
                quoted(path) + " is a directory or a device: name a file, existing or new");
  if (if_exists == IfExists::refuse &&
      ::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
    return fail(Errc::already_exists, quoted(path) +
                                          " exists already: remove it, choose another name, or allow "
                                          "it to be replaced");
  return {};
}

template <class Attempt>
int OutputFile::State::under_a_part_name(Attempt attempt) {
  constexpr int max_tries = 100;
  for (int tries = 1;; ++tries) {
    std::string candidate = random_part_name(name);
    const int result = attempt(candidate);
    if (result >= 0) part_name = std::move(candidate);
    if (result >= 0 || errno != EEXIST || tries == max_tries) return result;
  }
}

Result<void> OutputFile::State::open_file() {
  file = open_unnamed(directory.get());
  if (!file && lacks_unnamed_files(errno))
    file = Descriptor(under_a_part_name([this](const std::string& part) {
      return ::openat(directory.get(), part.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
    }));
  if (!file) return os_failure("create", path, errno, another_directory);
  return {};
}

// Asked first, so that a pull that cannot succeed does not fill the disk for everybody else on its way.
Result<void> OutputFile::State::take_space(Space space) {
  const auto free = free_space();
  if (space == Space::as_written) {
    if (::ftruncate(file.get(), static_cast<off_t>(std::min<std::uint64_t>(size, PTRDIFF_MAX))) == 0)
      return {};
    return errno == EFBIG ? no_space(errno) : os_failure("make", path, errno, another_directory);
  }
  if (size > std::min<std::uint64_t>(free ? free->f_bfree * free->f_frsize : PTRDIFF_MAX, PTRDIFF_MAX))
    return no_space(ENOSPC);
  int error = ::ftruncate(file.get(), static_cast<off_t>(size)) == 0 ? 0 : errno;
  if (error == 0) error = take_disk_space(file.get(), size);
  is_reserved = error == 0;
  if (error == 0 || error == EOPNOTSUPP) return {};
  if (code_of(error) == Errc::no_space || error == EFBIG) return no_space(error);
  return os_failure("reserve space for", path, error, another_directory);
}

// Nothing where the file system does not know, or has no limit.
std::optional<struct statvfs> OutputFile::State::free_space() const {
  struct statvfs space = {};
  if (::fstatvfs(file.get(), &space) != 0 || space.f_blocks == 0) return std::nullopt;
  return space;
}

tl::unexpected<Error> OutputFile::State::no_space(int error, const std::string& attempt) const {
  const auto free = free_space();
  return fail(Errc::no_space,
              "cannot " + attempt + " " + quoted(path) + ": " + std::generic_category().message(error) +
                  ": it needs " + std::to_string(size) + " bytes, and " +
                  (free ? std::to_string(free->f_bavail * free->f_frsize) : "an unknown number") +
                  " are free there: make room or choose a directory on another file system");
}

Result<void> OutputFile::State::check_writable() const {
  if (stage == Stage::writing) return {};
  return fail(Errc::invalid_argument, quoted(path) + " is complete: write another file");
}

tl::unexpected<Error> OutputFile::State::not_written(int error) const {
  if (code_of(error) == Errc::no_space) return no_space(error, "write");
  return os_failure("write", path, error, another_directory);
}

int OutputFile::State::link_file(const std::string& as) const {
  return ::linkat(AT_FDCWD, proc_name(file.get()).c_str(), directory.get(), as.c_str(), AT_SYMLINK_FOLLOW);
}

// 0 or -1 with errno, like the calls that it is made of.
int OutputFile::State::give_name() {
  if (part_name.empty()) {
    const int failed = link_file(name);
    if (failed == 0 || errno != EEXIST || if_exists == IfExists::refuse) return failed;
    // Only a rename replaces, and it needs a name to start from.
    if (under_a_part_name([this](const std::string& part) { return link_file(part); }) != 0) return -1;
  }
  const int failed = rename_part();
  if (failed == 0) part_name.clear();
  return failed;
}

int OutputFile::State::rename_part() {
  const int in = directory.get();
  if (if_exists == IfExists::replace) return ::renameat(in, part_name.c_str(), in, name.c_str());
  const int failed = ::renameat2(in, part_name.c_str(), in, name.c_str(), RENAME_NOREPLACE);
  if (failed == 0 || (errno != EINVAL && errno != ENOSYS)) return failed;
  if (::linkat(in, part_name.c_str(), in, name.c_str(), 0) != 0) return -1;
  ::unlinkat(in, part_name.c_str(), 0);  // the file has its name, whatever becomes of the other
  return 0;
}

OutputFile::OutputFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
OutputFile::~OutputFile() = default;

Result<std::shared_ptr<OutputFile>> OutputFile::create(const fs::path& path, std::uint64_t size,
                                                       IfExists if_exists, Space space) {
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  Descriptor directory(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory)
    return os_failure(
        "create", path, errno,
        code_of(errno) == Errc::not_found ? "create the directory or choose another" : another_directory);
  auto state = std::unique_ptr<State>(
      new State{path, path.filename().string(), size, if_exists, std::move(directory)});
  if (auto checked = state->check_target(); !checked) return fail(checked.error());
  if (auto opened = state->open_file(); !opened) return fail(opened.error());
  if (auto taken = state->take_space(space); !taken) return fail(taken.error());
  if (const int error = map_file(state->file.get(), bip::read_only, size, state->mapping); error != 0)
    return os_failure("map", path, error, "choose a directory on a local file system");
  return std::shared_ptr<OutputFile>(new OutputFile(std::move(state)));
}

Result<ReadStatus> OutputFile::read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const {
  assert(offset <= size() && out.size() <= size() - offset);
  return state_->reader.read(state_->file.get(), state_->path.native(), offset, out, mode);
}

Result<void> OutputFile::write(std::uint64_t offset, std::span<const std::byte> in) {
  assert(offset <= size() && in.size() <= size() - offset);
  if (auto writable = state_->check_writable(); !writable) return writable;
  const int error = write_fully(state_->file.get(), offset, in);
  if (error != 0) return state_->not_written(error);
  return {};
}

Result<void> OutputFile::copy(const Region& from, std::uint64_t from_offset, std::uint64_t offset,
                              std::uint64_t length) {
  assert(from_offset <= from.size() && length <= from.size() - from_offset);
  assert(offset <= size() && length <= size() - offset);
  if (auto writable = state_->check_writable(); !writable) return writable;
  const auto source = from.in_file();
  while (length > 0 && source && state_->copies_inside) {
    auto in = static_cast<off_t>(source->offset + from_offset);
    auto out = static_cast<off_t>(offset);
    const ssize_t copied = ::copy_file_range(source->descriptor, &in, state_->file.get(), &out, length, 0);
    if (copied == 0) return source_cut_short();
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0 && (errno == EIO || code_of(errno) == Errc::no_space)) return state_->not_written(errno);
    // Two file systems, or one that does not do it.
    if (copied < 0) state_->copies_inside = false;
    if (copied < 0) break;
    from_offset += static_cast<std::uint64_t>(copied);
    offset += static_cast<std::uint64_t>(copied);
    length -= static_cast<std::uint64_t>(copied);
  }
  if (length == 0) return {};
  const int error = write_fully(state_->file.get(), offset, from.mapped().subspan(from_offset, length));
  if (error == EFAULT) return source_cut_short();
  if (error != 0) return state_->not_written(error);
  return {};
}

std::span<const std::byte> OutputFile::mapped() const { return bytes_of(state_->mapping); }

std::uint64_t OutputFile::size() const { return state_->size; }

Result<void> OutputFile::commit(std::uint64_t length) {
  State& state = *state_;
  assert(length <= state.size);
  if (state.stage == State::Stage::committed)
    return fail(Errc::invalid_argument, quoted(state.path) + " has its name already: commit once");
  // First, so that nobody who finds the file by its name ever sees it change.
  state.stage = State::Stage::complete;
  if (length < state.size && ::ftruncate(state.file.get(), static_cast<off_t>(length)) != 0)
    return os_failure("finish", state.path, errno, "try again");
  // A file system that allocates late reports a full disk only here.
  if (!state.is_reserved && ::fdatasync(state.file.get()) != 0)
    return code_of(errno) == Errc::no_space ? state.no_space(errno, "write")
                                            : os_failure("write", state.path, errno, another_directory);
  if (state.give_name() != 0)
    return os_failure("give its name to", state.path, errno,
                      errno == EEXIST ? "remove that file or choose another name" : another_directory);
  state.stage = State::Stage::committed;
  return {};
}

}  // namespace rgtp::shm
