#include "shm/opened_segment.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/stored_chunk.h"
#include "shm/owner.h"

namespace rgtp::shm {

namespace fs = std::filesystem;
namespace bip = boost::interprocess;

namespace {

constexpr int populate_read = 22;  // MADV_POPULATE_READ, Linux 5.14
constexpr const char* surfaces_memory = "a surface's shared memory";
constexpr const char* just_withdrawn = "the exposer has just withdrawn the surface";
constexpr const char* no_segment = "what stands under the segment's name is no segment";

tl::unexpected<Error> not_taken(Errc code, std::string text) { return fail(code, std::move(text)); }

// Whether the object is what stands under that name.
bool is_named(const Descriptor& object, const fs::path& file) {
  struct stat opened = {};
  struct stat named = {};
  return ::fstat(object.get(), &opened) == 0 && ::lstat(file.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

// Of a copy of the live part.
Result<LiveWords> live_words_in(std::span<const std::byte> copy) {
  if (copy.size() < sizeof(LivePart))
    return fail(Errc::source_changed, "the surface's memory was cut short by its owner");
  const auto word = [&](std::size_t offset) {
    std::uint32_t value = 0;
    std::memcpy(&value, copy.data() + offset, sizeof value);
    return value;
  };
  LiveWords live{.state = static_cast<SurfaceState>(word(offsetof(LivePart, state))),
                 .counter = word(offsetof(LivePart, counter)),
                 .published = word(offsetof(LivePart, published))};
  std::memcpy(&live.final_size, copy.data() + offsetof(LivePart, final_size), sizeof live.final_size);
  std::memcpy(live.end_tag.data(), copy.data() + offsetof(LivePart, end_tag), live.end_tag.size());
  return live;
}

// Bytes that are mapped, and read through a descriptor for as long as there is one: a copy, where the owner
// cuts them short, ends with an error rather than a signal.
class MappedBytes : public Region {
 public:
  // Of an inline segment: a part of the object's mapping, which outlives this.
  MappedBytes(std::span<const std::byte> bytes, const Descriptor& object, std::uint64_t offset,
              bool is_unchangeable)
      : bytes_(bytes), descriptor_(object.get()), offset_(offset), is_unchangeable_(is_unchangeable) {}
  // Of a file, which it keeps.
  MappedBytes(fs::path path, const FileStamp& stamp, Descriptor file, bip::mapped_region mapping)
      : path_(std::move(path)),
        stamp_(stamp),
        file_(std::move(file)),
        mapping_(std::move(mapping)),
        bytes_(bytes_of(mapping_)),
        descriptor_(file_.get()) {}

  std::uint64_t size() const override { return bytes_.size(); }
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override {
    assert(offset <= size() && out.size() <= size() - offset);
    if (descriptor_ >= 0) return reader_.read(descriptor_, path_.native(), offset_ + offset, out, mode);
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return ReadStatus::done;
  }
  Result<void> write(std::uint64_t /*offset*/, std::span<const std::byte> /*in*/) override {
    return fail(Errc::invalid_argument, "another process's surface is not written to");
  }
  std::span<const std::byte> mapped() const override { return bytes_; }
  bool is_unchangeable() const override { return is_unchangeable_; }
  std::span<std::byte> writable() override { return {}; }
  Result<void> check_unchanged(ReadMode /*mode*/) const override {
    struct stat status = {};
    if (!stamp_ || (file_ && ::fstat(file_.get(), &status) == 0 && stamp_of(status) == *stamp_)) return {};
    return fail(Errc::source_changed, quoted(path_) + " was changed since it was exposed: expose it again");
  }
  std::optional<InFile> in_file() const override {
    return descriptor_ >= 0 ? std::optional(InFile{descriptor_, offset_}) : std::nullopt;
  }
  void prefault(std::uint64_t offset, std::uint64_t length) const override {
    const auto half = length < large_bytes ? 0 : length / 2 / huge_page_bytes * huge_page_bytes;
    std::thread other;
    try {
      if (half > 0) other = std::thread([&] { map_pages(offset, half); });
    } catch (const std::system_error&) {
      map_pages(offset, half);  // no thread is to be had
    }
    map_pages(offset + half, length - half);
    if (other.joinable()) other.join();
  }
  void close_descriptor() {
    descriptor_ = -1;
    file_.reset();
  }

 private:
  // Of as much two threads map the pages in two thirds of the time.
  static constexpr std::uint64_t large_bytes = 16 * 1024 * 1024;

  void map_pages(std::uint64_t offset, std::uint64_t length) const {
    // From a page's beginning; what is cut short, or an older kernel, is left to whoever reads it.
    const std::uint64_t before = (reinterpret_cast<std::uintptr_t>(bytes_.data()) + offset) % page_bytes;
    (void)::madvise(const_cast<std::byte*>(bytes_.data()) + offset - before, length + before, populate_read);
  }

  const fs::path path_ = surfaces_memory;
  const std::optional<FileStamp> stamp_;
  Descriptor file_;
  bip::mapped_region mapping_;
  const std::span<const std::byte> bytes_;
  int descriptor_;
  const std::uint64_t offset_ = 0;
  const bool is_unchangeable_ = false;
  Reader reader_;
};

}  // namespace

bool Trust::trusts(uid_t user) const {
  return user == ::geteuid() || user == 0 || std::find(users_.begin(), users_.end(), user) != users_.end();
}

Result<SegmentObject> SegmentObject::open(const fs::path& file) {
  // A planted FIFO would block, a planted link would lead elsewhere.
  SegmentObject object;
  object.descriptor =
      Descriptor(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!object.descriptor) {
    switch (errno) {
      case ENOENT: return not_taken(Errc::unknown_surface, "no segment of this surface is on this host");
      case EACCES:
      case EPERM:
        return not_taken(Errc::denied, "the exposer does not let this user map the surface's memory");
      // Its exposer has it to itself at this moment (segment_pool.h).
      case EWOULDBLOCK: return not_taken(Errc::withdrawn, just_withdrawn);
      case ENXIO: {
        struct stat status = {};
        object.is_brokered = ::lstat(file.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
        object.user = status.st_uid;
        if (object.is_brokered) return object;
        [[fallthrough]];
      }
      case ELOOP: return not_taken(Errc::malformed_data, no_segment);
      default: return os_failure("open", file, errno, "check this host's limits");
    }
  }
  struct stat status = {};
  if (::fstat(object.descriptor.get(), &status) != 0) return os_failure("look at", file, errno, "try again");
  if (status.st_nlink > 1) return not_taken(Errc::malformed_data, no_segment);
  if (S_ISREG(status.st_mode) && status.st_nlink == 0) return not_taken(Errc::withdrawn, just_withdrawn);
  return of(std::move(object.descriptor), status);
}

Result<SegmentObject> SegmentObject::of(Descriptor descriptor) {
  struct stat status = {};
  if (::fstat(descriptor.get(), &status) != 0)
    return os_failure("look at", surfaces_memory, errno, "try again");
  return of(std::move(descriptor), status);
}

Result<SegmentObject> SegmentObject::of(Descriptor descriptor, const struct stat& status) {
  SegmentObject object;
  object.descriptor = std::move(descriptor);
  if (!S_ISREG(status.st_mode)) return not_taken(Errc::malformed_data, no_segment);
  object.user = status.st_uid;
  object.bytes = static_cast<std::uint64_t>(status.st_size);
  // A private copy: what is checked is what is used.
  std::array<std::byte, path_offset + max_path_bytes> copy;
  const ssize_t got = ::pread(object.descriptor.get(), copy.data(), copy.size(), 0);
  if (got < 0) return os_failure("read", surfaces_memory, errno, "try again");
  const auto beginning = std::span(copy).first(static_cast<std::size_t>(got));
  object.prefix = parse_segment_prefix(beginning);
  object.header = parse_segment_header(beginning, object.bytes);
  object.live = live_words_in(beginning.subspan(std::min(beginning.size(), live_offset)));
  return object;
}

bool is_left_to_stay(const SegmentObject& object) {
  if (!object.prefix || !object.prefix->persistent) return false;
  // Whether another version's is finished that version knows.
  if (object.prefix->version != layout_version) return true;
  return object.header && object.live && object.live->state == SurfaceState::finished;
}

bool is_left_to_stay(const fs::path& directory, const SurfaceId& id, uid_t user) {
  const auto object = SegmentObject::open(directory / segment_name(id));
  return object && object->user == user && is_left_to_stay(*object);
}

OpenedSegment::OpenedSegment(SegmentObject object, Descriptor owner_file)
    : header_(std::move(*object.header)),
      layout_(header_.layout()),
      is_unchangeable_(object.is_unchangeable),
      object_(std::move(object.descriptor)),
      owner_file_(std::move(owner_file)) {}

Result<std::shared_ptr<OpenedSegment>> OpenedSegment::open(const fs::path& directory, const SurfaceId& id,
                                                           const Trust& trust, const Log& log) {
  const auto refused = [&](Error error) {
    if (log) log(LogLevel::warning, "a segment is not used for a pull: " + error.message());
    return fail(std::move(error));
  };
  auto object = SegmentObject::open(directory / segment_name(id));
  if (!object && object.error().code == Errc::malformed_data) return refused(std::move(object).error());
  if (!object) return fail(std::move(object).error());
  if (!trust.trusts(object->user))
    return refused({Errc::denied, "it belongs to user " + std::to_string(object->user) +
                                      ", who is not trusted here: name that user as trusted to map it"});
  if (object->is_brokered) return std::shared_ptr<OpenedSegment>();
  // Its exposer may have taken it for another surface since it was opened.
  const bool is_this_surface = object->header && object->header->manifest.id == id;
  if (!is_this_surface && !is_named(object->descriptor, directory / segment_name(id)))
    return not_taken(Errc::withdrawn, just_withdrawn);
  if (!object->header) return refused(std::move(object->header).error());
  if (!is_this_surface)
    return refused({Errc::malformed_data, "what stands under this surface's name is another surface's"});
  return open(std::move(*object), directory);
}

Result<std::shared_ptr<OpenedSegment>> OpenedSegment::take(Descriptor object, uid_t user,
                                                           const fs::path& directory, const SurfaceId& id) {
  constexpr int unchangeable = F_SEAL_SHRINK | F_SEAL_GROW;
  const int seals = ::fcntl(object.get(), F_GET_SEALS);
  if (seals < 0 || (seals & unchangeable) != unchangeable ||
      (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) == 0)
    return not_taken(Errc::malformed_data, "the memory that was handed over could still be changed");
  auto taken = SegmentObject::of(std::move(object));
  if (!taken) return fail(std::move(taken).error());
  if (!taken->header) return fail(std::move(taken->header).error());
  if (taken->user != user || taken->header->manifest.id != id ||
      taken->header->kind != RegionKind::inline_bytes)
    return not_taken(Errc::malformed_data, "the memory that was handed over is not this surface's");
  taken->is_unchangeable = (seals & F_SEAL_WRITE) != 0;
  return open(std::move(*taken), directory);
}

Result<std::shared_ptr<OpenedSegment>> OpenedSegment::open(SegmentObject object, const fs::path& directory) {
  auto owner_file = open_owner_file(directory, object.header->owner, object.user);
  if (!owner_file) return fail(std::move(owner_file).error());
  const auto live = std::move(object.live);
  std::shared_ptr<OpenedSegment> segment(new OpenedSegment(std::move(object), std::move(*owner_file)));
  if (auto offered = segment->check_offered(live); !offered) return fail(std::move(offered).error());
  const Manifest& manifest = segment->manifest();
  segment->was_finished_ = live->state == SurfaceState::finished &&
                           live->published == Manifest::chunks_in(live->final_size, manifest.chunk_bytes);
  if (auto mapped = segment->map(); !mapped) return fail(std::move(mapped).error());
  return segment;
}

Result<void> OpenedSegment::map() {
  if (const int error = map_file(object_.get(), bip::read_only, layout_.object_bytes, mapping_); error != 0)
    return os_failure("map", surfaces_memory, error, "raise the limit on address space (ulimit -v)");
  (void)::madvise(mapping_.get_address(), mapping_.get_size(), MADV_DONTDUMP);
  const auto object = bytes_of(mapping_);
  // Never written through: the mapping is read-only.
  auto* const words = reinterpret_cast<core::BitmapWord*>(object.data() + layout_.bitmap_offset);
  bitmap_.emplace(std::span(words, layout_.bitmap_bytes / sizeof(core::BitmapWord)),
                  manifest().chunk_count());
  if (is_file()) return map_file_region();
  region_ = std::make_unique<MappedBytes>(object.subspan(layout_.data_offset, layout_.data_bytes), object_,
                                          layout_.data_offset, is_unchangeable_);
  return {};
}

// The header's path may name anything by now: looked at first, opened only when it is the file that was
// exposed.
Result<void> OpenedSegment::map_file_region() {
  const RegionFile& exposed = header_.file;
  const Descriptor place(::open(exposed.path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status = {};
  if (!place || ::fstat(place.get(), &status) != 0)
    return os_failure("find", exposed.path, errno, "it may be hidden from this process");
  if (!S_ISREG(status.st_mode) || stamp_of(status) != exposed.stamp)
    return not_taken(Errc::source_changed,
                     quoted(exposed.path) + " is another file here, or was changed since it was exposed");
  Descriptor file(::open(proc_name(place.get()).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return os_failure("open", exposed.path, errno, "this user may not read it");
  bip::mapped_region mapping;
  if (const int error = map_file(file.get(), bip::read_only, exposed.stamp.size, mapping); error != 0)
    return os_failure("map", exposed.path, error, "raise the limit on address space (ulimit -v)");
  if (exposed.stamp.size > 0) (void)::madvise(mapping.get_address(), mapping.get_size(), MADV_DONTDUMP);
  region_ = std::make_unique<MappedBytes>(exposed.path, exposed.stamp, std::move(file), std::move(mapping));
  return {};
}

const LivePart& OpenedSegment::live() const {
  return *reinterpret_cast<const LivePart*>(bytes_of(mapping_).data() + live_offset);
}

SurfaceState OpenedSegment::state() const {
  return static_cast<SurfaceState>(live().state.load(std::memory_order_acquire));
}

std::optional<std::uint64_t> OpenedSegment::final_size() const {
  if (!manifest().size_pending) return manifest().size;
  const std::uint64_t size = live().final_size.load(std::memory_order_acquire);
  return size == unknown_size ? std::nullopt : std::optional(size);
}

Result<ReadStatus> OpenedSegment::read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                                       ReadMode mode) const {
  return core::read_stored(
      manifest(), chunk, offset, out,
      [&](std::uint64_t at, std::span<std::byte> part) { return region_->read(at, part, mode); },
      [&](std::uint32_t in_trailer, std::span<std::byte> part) -> Result<ReadStatus> {
        const std::uint64_t at = layout_.trailer_offset(manifest(), chunk) + in_trailer;
        if (object_) return reader_.read(object_.get(), surfaces_memory, at, part, mode);
        std::ranges::copy(bytes_of(mapping_).subspan(at, part.size()), part.begin());
        return ReadStatus::done;
      });
}

bool OpenedSegment::is_whole() const {
  struct stat status = {};
  return object_ && ::fstat(object_.get(), &status) == 0 &&
         static_cast<std::uint64_t>(status.st_size) >= layout_.object_bytes;
}

Result<LiveWords> OpenedSegment::live_words() const {
  std::array<std::byte, sizeof(LivePart)> copy;
  const ssize_t got = ::pread(object_.get(), copy.data(), copy.size(), live_offset);
  return live_words_in(std::span(copy).first(static_cast<std::size_t>(std::max<ssize_t>(got, 0))));
}

Result<OpenedSegment::Look> OpenedSegment::look() const {
  // The owner before the words: what was published before its death is seen.
  const bool has_owner = this->has_owner();
  if (!is_whole()) return fail(Errc::source_changed, "the surface's memory was cut short by its owner");
  const auto live = live_words();
  if (!live) return fail(live.error());
  return Look{*live, has_owner};
}

bool OpenedSegment::has_owner() const { return is_locked(owner_file_.get()); }

Result<void> OpenedSegment::check_offered() const { return check_offered(live_words()); }

Result<void> OpenedSegment::check_offered(const Result<LiveWords>& live) const {
  return shm::check_offered(header_, live, object_, owner_file_);
}

Result<void> check_offered(const SegmentHeader& header, const Result<LiveWords>& live,
                           const Descriptor& object, const Descriptor& owner_file) {
  if (!live) return fail(live.error());
  switch (live->state) {
    case SurfaceState::growing: break;
    case SurfaceState::finished:
      // Whoever takes it whole relies on a size that is there and within the capacity.
      if (!header.manifest.size_pending || live->final_size <= header.manifest.size) break;
      return not_taken(Errc::malformed_data, "the segment is finished with a size that cannot be");
    case SurfaceState::aborted:
      return not_taken(Errc::aborted, "the exposer gave the surface up before it was finished");
    case SurfaceState::withdrawn: return not_taken(Errc::withdrawn, "the exposer has withdrawn the surface");
    default: return not_taken(Errc::malformed_data, "the segment is in a state that cannot be");
  }
  if (is_locked(owner_file.get())) return {};
  // A persistent one is offered without, until somebody removes it.
  struct stat status = {};
  if (header.persistent && live->state == SurfaceState::finished && ::fstat(object.get(), &status) == 0)
    return status.st_nlink > 0 ? Result<void>()
                               : not_taken(Errc::withdrawn, "the surface that was left has been removed");
  return not_taken(Errc::exposer_gone, "the process that exposed the surface has ended");
}

void OpenedSegment::close_descriptors() {
  static_cast<MappedBytes&>(*region_).close_descriptor();
  object_.reset();
  owner_file_.reset();
}

}  // namespace rgtp::shm
