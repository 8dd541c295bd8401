#include "shm/exposed_segment.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/bitmap.h"
#include "core/bytes.h"
#include "core/fault_point.h"
#include "shm/access_list.h"
#include "shm/futex.h"

namespace rgtp::shm {

namespace fs = std::filesystem;
namespace bip = boost::interprocess;

using core::fault_point;

namespace {

constexpr int populate_write = 23;  // MADV_POPULATE_WRITE, Linux 5.14
constexpr int collapse = 25;        // MADV_COLLAPSE, Linux 6.1
constexpr std::uint64_t populate_step = 16 * 1024 * 1024;
constexpr const char* surfaces_memory = "a surface's memory";
constexpr std::string_view remedy =
    "mount a tmpfs there that this user may write to, or expose by packets alone";

tl::unexpected<Error> not_sealed(std::string_view remedy_for_it) {
  auto error = os_failure("seal", surfaces_memory, errno, remedy_for_it);
  error.value().code = Errc::io_error;  // whatever is missing, it is not the segment
  return error;
}

}  // namespace

ExposedSegment::ExposedSegment(std::shared_ptr<Owner> owner, SegmentHeader header)
    : owner_(std::move(owner)), header_(std::move(header)), layout_(header_.layout()) {
  header_.owner = owner_->id();
}

ExposedSegment::~ExposedSegment() {
  assert(!linked_);
  if (reuse_ == nullptr) return;
  if (reuse_->is_for_pool) reuse_->pool->release();
  if (!is_in_pool() || !owner_->is_of_this_process()) return;
  if (has_magic_) close_to_others();  // it did not come to its name
  if (!is_in_pool()) return;
  SegmentMemory memory{std::move(object_), {}, owner_, std::move(reuse_->file)};
  if (published_ == header_.manifest.chunk_count()) memory.taken = layout_;
  memory.mapping.swap(mapping_);
  reuse_->pool->put(std::move(memory), reuse_->access);
}

fs::path ExposedSegment::file() const { return directory() / segment_name(header_.manifest.id); }

Result<std::shared_ptr<ExposedSegment>> ExposedSegment::create(const fs::path& directory,
                                                               SegmentHeader header, const Access& access,
                                                               const std::shared_ptr<SegmentPool>& pool) {
  auto owner = Owner::of_this_process(directory);
  if (!owner) return fail(std::move(owner).error());
  std::shared_ptr<ExposedSegment> segment(new ExposedSegment(std::move(*owner), std::move(header)));
  std::optional<SegmentMemory> memory;
  if (pool != nullptr) {
    const SegmentHeader& made = segment->header_;
    const bool is_for_pool = made.kind == RegionKind::inline_bytes && !made.persistent && pool->claim(access);
    segment->reuse_ = std::make_unique<Reuse>(Reuse{pool, access, is_for_pool});
    if (is_for_pool) memory = pool->take(segment->layout_.object_bytes, access);
  }
  auto opened = memory ? segment->use_again(std::move(*memory)) : segment->open_object(access);
  if (!opened) return fail(std::move(opened).error());
  if (auto written = segment->write_header(); !written) return fail(std::move(written).error());
  return segment;
}

Result<void> ExposedSegment::open_object(const Access& access) {
  brokered_ = access.who() == Access::Who::decide;
  object_ = Descriptor(brokered_ ? ::memfd_create("rgtp", MFD_CLOEXEC | MFD_ALLOW_SEALING)
                                 : ::open(directory().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!object_) return os_failure("make a segment in", directory(), errno, remedy);
  fault_point("segment: opened");
  if (auto given = give_access(object_, directory(), access); !given) return given;
  fault_point("segment: access set");
  const auto fits = [&] {
    struct statvfs space = {};
    return brokered_ || header_.manifest.size_pending || ::fstatvfs(object_.get(), &space) != 0 ||
           space.f_blocks == 0 || layout_.object_bytes <= std::uint64_t{space.f_bfree} * space.f_frsize;
  };
  for (auto seen = rooms_made(); !fits(); seen = rooms_made())
    if (!make_room(seen)) return no_space();
  if (::ftruncate(object_.get(), static_cast<off_t>(layout_.object_bytes)) != 0)
    return errno == EFBIG ? Result<void>(no_space())
                          : Result<void>(os_failure("make a segment in", directory(), errno, remedy));
  if (const int error = map_file(object_.get(), bip::read_write, layout_.object_bytes, mapping_); error != 0)
    return os_failure("map a segment in", directory(), error, "raise the limit on address space (ulimit -v)");
  fault_point("segment: mapped");
  // A core dump would hold every surface, and a forked child could write to them.
  (void)::madvise(mapping_.get_address(), mapping_.get_size(), MADV_DONTDUMP);
  (void)::madvise(mapping_.get_address(), mapping_.get_size(), MADV_DONTFORK);
  // From here on this mapping is the only way to write to it.
  if (brokered_ &&
      ::fcntl(object_.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) != 0)
    return os_failure("seal a segment for", directory(), errno, "use Linux 5.1 or newer");
  return populate(0, layout_.trailers_offset + layout_.trailers_bytes);
}

// Others may not have it before it has a name again: until then it is the owner's alone and no segment.
Result<void> ExposedSegment::use_again(SegmentMemory memory) {
  object_ = std::move(memory.object);
  mapping_.swap(memory.mapping);
  reuse_->file = std::move(memory.file);
  if (::ftruncate(object_.get(), static_cast<off_t>(layout_.object_bytes)) != 0)
    return os_failure("make a segment in", directory(), errno, remedy);
  const std::uint64_t index_end = layout_.trailers_offset + layout_.trailers_bytes;
  all_taken_ = memory.taken == layout_ && !has_hole(0, index_end) &&
               !has_hole(layout_.data_offset, layout_.object_bytes);
  if (auto taken = populate(0, index_end); !taken) return taken;
  std::ranges::fill(bytes_of(mapping_).first(index_end), std::byte{0});
  fault_point("segment: used again");
  return {};
}

// Where somebody of this user's let pages go; lseek(2).
bool ExposedSegment::has_hole(std::uint64_t offset, std::uint64_t end) const {
  const off_t hole = ::lseek(object_.get(), static_cast<off_t>(offset), SEEK_HOLE);
  return hole < static_cast<off_t>(end);
}

Result<void> ExposedSegment::write_header() {
  std::array<std::byte, path_offset + max_path_bytes> bytes{};
  if (auto encoded = encode_segment_header(header_, bytes); !encoded) return encoded;
  const auto object = bytes_of(mapping_);
  header_.file = {};  // it stands there
  const std::size_t length = std::min<std::size_t>(bytes.size(), layout_.bitmap_offset);
  std::memcpy(object.data(), bytes.data(), length);
  fault_point("segment: header written");
  live().state.store(static_cast<std::uint32_t>(SurfaceState::growing), std::memory_order_relaxed);
  live().final_size.store(header_.manifest.size_pending ? unknown_size : header_.manifest.size,
                          std::memory_order_relaxed);
  return {};
}

std::atomic<std::uint64_t>& ExposedSegment::magic() {
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(bytes_of(mapping_).data());
}

LivePart& ExposedSegment::live() {
  return *reinterpret_cast<LivePart*>(bytes_of(mapping_).data() + live_offset);
}

RegionIndex ExposedSegment::index() {
  const auto object = bytes_of(mapping_);
  auto* const words = reinterpret_cast<core::BitmapWord*>(object.data() + layout_.bitmap_offset);
  return {.bitmap = {words, layout_.bitmap_bytes / sizeof(core::BitmapWord)},
          .trailers = object.subspan(layout_.trailers_offset, layout_.trailers_bytes)};
}

std::span<std::byte> ExposedSegment::data() {
  return bytes_of(mapping_).subspan(layout_.data_offset, layout_.data_bytes);
}

Result<void> ExposedSegment::reserve(std::uint64_t offset, std::uint64_t length) {
  return populate(layout_.data_offset + offset, length);
}

// Through the mapping, because posix_fallocate() called first would force small pages. A full file system is
// an error here, where the first touch of a page would be a SIGBUS.
Result<void> ExposedSegment::populate(std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t end = offset + length;
  if (all_taken_) return {};
  for (std::uint64_t at = offset / page_bytes * page_bytes; at < end;) {
    const std::uint64_t step = std::min(populate_step, end - at);
    const std::uint64_t seen = rooms_made();
    if (::madvise(bytes_of(mapping_).data() + at, step, populate_write) == 0) {
      at += step;
      continue;
    }
    if (errno == EFAULT || errno == ENOMEM || errno == ENOSPC) {
      if (make_room(seen)) continue;
      return no_space();
    }
    if (errno != EINVAL) return os_failure("take memory for a segment in", directory(), errno, remedy);
    return take_all();
  }
  return {};
}

bool ExposedSegment::make_huge_pages(std::uint64_t offset, std::uint64_t length) {
  bool made = false;
  for (std::uint64_t at = offset; at < offset + length; at += huge_page_bytes) {
    int error = 0;
    // Whoever maps a page at that moment is in the way.
    for (int tries = 0; tries < 3; ++tries) {
      error = ::madvise(data().data() + at, huge_page_bytes, collapse) == 0 ? 0 : errno;
      if (error != EAGAIN && error != EBUSY) break;
    }
    made = made || error == 0;
  }
  return made;
}

std::uint64_t ExposedSegment::huge_page_bytes_mapped() { return shm::huge_page_bytes_mapped(data()); }

// Where the kernel cannot take a part's pages through the mapping: the first time, everything.
Result<void> ExposedSegment::take_all() {
  const std::uint64_t seen = rooms_made();
  const int error = ::posix_fallocate(object_.get(), 0, static_cast<off_t>(layout_.object_bytes));
  if (error == ENOSPC && make_room(seen)) return take_all();
  if (error == ENOSPC) return no_space();
  if (error != 0) return os_failure("take memory for a segment in", directory(), error, remedy);
  all_taken_ = true;
  return {};
}

// What waits to be used again is of less use than what is needed.
bool ExposedSegment::make_room(std::uint64_t seen) { return reuse_ != nullptr && reuse_->pool->clear(seen); }

std::uint64_t ExposedSegment::rooms_made() const { return reuse_ != nullptr ? reuse_->pool->clearings() : 0; }

tl::unexpected<Error> ExposedSegment::no_space() const {
  if (brokered_)
    return fail(Errc::no_space, "there is no memory for the surface: it needs " +
                                    std::to_string(layout_.object_bytes) +
                                    " bytes: withdraw other surfaces, or expose less");
  struct statvfs space = {};
  const bool known = ::statvfs(directory().c_str(), &space) == 0;
  return fail(Errc::no_space, "there is no room for the surface in " + quoted(directory()) + ": it needs " +
                                  std::to_string(layout_.object_bytes) + " bytes, and " +
                                  (known ? std::to_string(std::uint64_t{space.f_bavail} * space.f_frsize)
                                         : "an unknown number") +
                                  " are free there: enlarge it (mount -o remount,size=...), withdraw other "
                                  "surfaces, or expose a file, "
                                  "or by packets alone");
}

Result<void> ExposedSegment::link() {
  assert(!brokered_);
  if (is_in_pool())
    if (auto given = give_access(object_, directory(), reuse_->access); !given) return given;
  if (auto named = give_name(proc_name(object_.get()), AT_SYMLINK_FOLLOW); !named) return named;
  if (reuse_ == nullptr || !reuse_->is_for_pool) object_.reset();
  return {};
}

Result<void> ExposedSegment::link_to(const fs::path& socket) {
  assert(brokered_);
  return give_name(socket, 0);
}

Result<void> ExposedSegment::give_name(const std::string& target, int flags) {
  assert(!linked_ && object_);
  const auto lock = writing();
  magic().store(segment_magic, std::memory_order_release);
  has_magic_ = true;
  fault_point("segment: magic written");
  is_known_ = true;
  const int failed =
      is_in_pool() ? ::renameat2(AT_FDCWD, reuse_->file.c_str(), AT_FDCWD, file().c_str(), RENAME_NOREPLACE)
                   : ::linkat(AT_FDCWD, target.c_str(), AT_FDCWD, file().c_str(), flags);
  if (failed != 0) {
    if (errno == EEXIST)
      return fail(Errc::already_exposed, "a surface of this id is being exposed on this host already");
    if (errno == ENOENT && is_in_pool())
      return fail(Errc::io_error,
                  "a segment's memory was removed while it was filled, by a clean-up or at a logout: expose "
                  "it again");
    return os_failure("name a segment in", directory(), errno, remedy);
  }
  fault_point("segment: named");
  if (reuse_ != nullptr) reuse_->file.clear();
  linked_ = true;
  auto sealed = seal_if_done();
  if (sealed) return {};
  ::unlink(file().c_str());
  linked_ = false;
  return sealed;
}

Result<Descriptor> ExposedSegment::hand_over(uid_t user) {
  assert(brokered_);
  const auto lock = writing();
  // Descriptors may have been lacking when it was finished. Without the last seals nobody else can write to
  // it either.
  (void)seal_if_done();
  // Its owner, and root, could give themselves the right to seal it, and forestall the last seals.
  if (user == ::geteuid() || user == 0) {
    if (!sealed_) (void)::fcntl(object_.get(), F_ADD_SEALS, F_SEAL_SEAL);
  }
  Descriptor reader(::open(proc_name(object_.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!reader) return os_failure("hand over", surfaces_memory, errno, "see that /proc is mounted");
  return reader;
}

void ExposedSegment::withdraw() {
  if (!linked_.exchange(false) || !owner_->is_of_this_process()) return;
  const bool cut_short = is_cut_short();
  const bool pooled = !cut_short && reuse_ != nullptr && reuse_->is_for_pool && move_to_pool();
  if (!pooled) ::unlink(file().c_str());
  fault_point("withdraw: without its name");
  if (cut_short) return;
  on_state(SurfaceState::withdrawn);
  if (pooled) close_to_others();
}

// By somebody of this user's: its bytes are not to be touched.
bool ExposedSegment::is_cut_short() const {
  struct stat status = {};
  const int failed = object_ ? ::fstat(object_.get(), &status) : ::stat(file().c_str(), &status);
  return !brokered_ && failed == 0 && static_cast<std::uint64_t>(status.st_size) < layout_.object_bytes;
}

bool ExposedSegment::move_to_pool() {
  fs::path name = SegmentPool::new_name(*owner_);
  if (::rename(file().c_str(), name.c_str()) != 0) return false;
  reuse_->file = std::move(name);
  return true;
}

// What keeps its access is no memory for others.
void ExposedSegment::close_to_others() {
  if (is_cut_short() || !take_access(object_, directory())) {
    ::unlink(reuse_->file.c_str());
    reuse_->file.clear();
    return;
  }
  fault_point("withdraw: access taken");
  magic().store(0, std::memory_order_release);
  has_magic_ = false;
  fault_point("withdraw: no segment any more");
}

// Held by whoever writes to a brokered one's live part; nothing for others, whose words are atomic.
std::unique_lock<std::mutex> ExposedSegment::writing() {
  return brokered_ ? std::unique_lock(writing_) : std::unique_lock<std::mutex>();
}

void ExposedSegment::on_published() {
  const auto lock = writing();
  ++published_;
  live().published.fetch_add(1, std::memory_order_release);
  fault_point("live part: published counted");
  tell();
  (void)seal_if_done();
}

void ExposedSegment::on_final_size(const FinalSize& size) {
  const auto lock = writing();
  live().end_tag = size.tag;
  live().final_size.store(size.bytes, std::memory_order_release);
  fault_point("live part: final size known");
  tell();
}

// Forward only: a surface that was taken back on one thread is not finished again by another.
void ExposedSegment::on_state(SurfaceState state) {
  const auto may_follow = [state](SurfaceState current) {
    return current == SurfaceState::growing ||
           (current == SurfaceState::finished && state == SurfaceState::withdrawn);
  };
  const auto lock = writing();
  if (sealed_) return;  // who has it has all of it
  auto current = live().state.load(std::memory_order_acquire);
  while (may_follow(static_cast<SurfaceState>(current)))
    if (live().state.compare_exchange_weak(current, static_cast<std::uint32_t>(state),
                                           std::memory_order_acq_rel)) {
      fault_point("live part: state changed");
      tell();
      (void)seal_if_done();
      return;
    }
}

void ExposedSegment::tell() {
  live().counter.fetch_add(1, std::memory_order_release);
  fault_point("live part: counter raised");
  // Nobody can wait before the object has had its name.
  if (is_known_) futex_wake_all(live().counter);
}

// A thread that publishes the last chunk may still count it while another one finishes the surface.
Result<void> ExposedSegment::seal_if_done() {
  if (!brokered_ || !linked_ || sealed_ || live().state != static_cast<std::uint32_t>(SurfaceState::finished))
    return {};
  const Manifest& manifest = header_.manifest;
  if (live().published != Manifest::chunks_in(live().final_size, manifest.chunk_bytes)) return {};
  // Through a descriptor for reading: the kernel counts a mapping of one for writing as a writer.
  const Descriptor reader(::open(proc_name(object_.get()).c_str(), O_RDONLY | O_CLOEXEC));
  void* const place = mapping_.get_address();
  const std::size_t length = mapping_.get_size();
  if (!reader || ::mmap(place, length, PROT_READ, MAP_SHARED | MAP_FIXED, reader.get(), 0) != place)
    return not_sealed("see that /proc is mounted");
  sealed_ = true;
  (void)::madvise(place, length, MADV_DONTDUMP);
  (void)::madvise(place, length, MADV_DONTFORK);
  if (::fcntl(object_.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0) return {};
  return not_sealed("another process of this user may be writing to it: end that one");
}

Result<ReadStatus> SegmentRegion::read(std::uint64_t offset, std::span<std::byte> out,
                                       ReadMode /*mode*/) const {
  const auto bytes = segment_->data();
  assert(offset <= bytes.size() && out.size() <= bytes.size() - offset);
  if (!out.empty()) std::memcpy(out.data(), bytes.data() + offset, out.size());
  return ReadStatus::done;
}

Result<void> SegmentRegion::write(std::uint64_t offset, std::span<const std::byte> in) {
  assert(offset <= size() && in.size() <= size() - offset);
  if (auto reserved = segment_->reserve(offset, in.size()); !reserved) return reserved;
  if (!in.empty()) std::memcpy(segment_->data().data() + offset, in.data(), in.size());
  return {};
}

}  // namespace rgtp::shm
