#include "shm/local_name.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fault_point.h"
#include "shm/opened_segment.h"

namespace rgtp::shm {

namespace fs = std::filesystem;
using core::fault_point;

namespace {

const fs::path shared_directory = "/dev/shm";
constexpr std::size_t max_file_bytes = 4096;
constexpr std::string_view remedy = "check the directory and its file system";

}  // namespace

LocalName::LocalName(std::string name, std::shared_ptr<Owner> owner, ino_t inode)
    : name_(std::move(name)), owner_(std::move(owner)), inode_(inode) {}

Result<std::unique_ptr<LocalName>> LocalName::take(std::string_view name, const Locator& locator) {
  if (auto valid = Locator::local(name); !valid) return fail(std::move(valid).error());
  auto owner = Owner::of_this_process(shared_directory);
  if (!owner) return fail(std::move(owner).error());
  auto locked = LockedUserDirectory::open(shared_directory);
  if (!locked) return fail(std::move(locked).error());
  // Names do not begin with a dot. Under the lock nobody else makes this one; a killed maker's is written
  // over.
  const int in = locked->directory().descriptor();
  const Descriptor file(
      ::openat(in, unfinished_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  std::string place = locator.reveal();
  std::string text;
  text.reserve(place.size() + 2 * (1 + sizeof(OwnerId) * 2));  // once: it may hold a key
  ((text += place) += '\n') += (*owner)->id().to_hex();
  text += '\n';
  wipe(place);
  fault_point("name: opened");
  struct stat status = {};
  const auto failed = [&] { return os_failure("write", locked->directory().path() / name, errno, remedy); };
  if (!file || ::fchmod(file.get(), 0600) != 0 ||
      ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fstat(file.get(), &status) != 0) {
    wipe(text);
    return failed();
  }
  wipe(text);
  fault_point("name: written");
  if (::renameat(in, unfinished_name, in, std::string(name).c_str()) != 0) return failed();
  fault_point("name: renamed");
  return std::unique_ptr<LocalName>(new LocalName(std::string(name), std::move(*owner), status.st_ino));
}

LocalName::~LocalName() {
  if (left_ || !owner_->is_of_this_process()) return;
  const auto locked = LockedUserDirectory::open(shared_directory);
  if (!locked) return;  // left to the sweep
  const int in = locked->directory().descriptor();
  struct stat status = {};
  if (::fstatat(in, name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_ino == inode_)
    ::unlinkat(in, name_.c_str(), 0);
  fault_point("name: given up");
}

Result<LocalNameFile> read_local_name(const UserDirectory& directory, const std::string& name) {
  const Descriptor file(
      ::openat(directory.descriptor(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return os_failure("open", directory.path() / name, errno, remedy);
  std::array<char, max_file_bytes> bytes;
  const ssize_t got = ::read(file.get(), bytes.data(), bytes.size());
  auto parsed = parse_local_name({bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0});
  wipe(std::as_writable_bytes(std::span(bytes)));
  if (!parsed) return fail(Errc::malformed_data, quoted(directory.path() / name) + " holds no locator");
  return std::move(*parsed);
}

std::optional<LocalNameFile> parse_local_name(std::string_view text) {
  const std::size_t end = text.find('\n');
  const std::size_t owner_end = end == text.npos ? text.npos : text.find('\n', end + 1);
  if (owner_end == text.npos || owner_end + 1 != text.size()) return std::nullopt;
  auto locator = Locator::parse(text.substr(0, end));
  const auto owner = OwnerId::from_hex(text.substr(end + 1, owner_end - end - 1));
  if (!locator || !owner) return std::nullopt;
  return LocalNameFile{std::move(*locator), *owner};
}

bool is_dead(const fs::path& directory, const LocalNameFile& name, uid_t user) {
  if (is_alive(directory, name.owner, user)) return false;
  const auto id = name.locator.id();
  return !id || !is_left_to_stay(directory, *id, user);
}

Result<Locator> find_local_name(std::string_view name) {
  const auto nobody = [&] {
    return fail(Errc::unknown_surface,
                "no surface of this user is exposed on this host under the name '" + std::string(name) + "'");
  };
  auto directory = UserDirectory::open(shared_directory);
  if (!directory && directory.error().code == Errc::not_found) return nobody();
  if (!directory) return fail(std::move(directory).error());
  auto found = read_local_name(*directory, std::string(name));
  if (!found && found.error().code == Errc::not_found) return nobody();
  if (!found) return fail(std::move(found).error());
  if (is_dead(shared_directory, *found, ::geteuid()))
    return fail(Errc::exposer_gone, "the process that exposed '" + std::string(name) + "' has ended");
  return std::move(found->locator);
}

}  // namespace rgtp::shm
