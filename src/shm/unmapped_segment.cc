#include "shm/unmapped_segment.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "core/stored_chunk.h"
#include "shm/owner.h"

namespace rgtp::shm {

namespace {

constexpr std::string_view strangers_memory = "another user's shared memory";

// Its data, read by calls.
class UnmappedBytes : public Region {
 public:
  UnmappedBytes(const Descriptor& object, const SegmentLayout& layout)
      : object_(object), offset_(layout.data_offset), size_(layout.data_bytes) {}

  std::uint64_t size() const override { return size_; }
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override {
    assert(offset <= size_ && out.size() <= size_ - offset);
    return reader_.read(object_.get(), strangers_memory, offset_ + offset, out, mode);
  }
  Result<void> write(std::uint64_t /*offset*/, std::span<const std::byte> /*in*/) override {
    return fail(Errc::invalid_argument, "another process's surface is not written to");
  }
  std::span<const std::byte> mapped() const override { return {}; }
  std::span<std::byte> writable() override { return {}; }

 private:
  const Descriptor& object_;
  const std::uint64_t offset_;
  const std::uint64_t size_;
  Reader reader_;
};

}  // namespace

UnmappedSegment::UnmappedSegment(SegmentObject object, const LiveWords& live)
    : header_(std::move(*object.header)),
      layout_(header_.layout()),
      live_(live),
      chunks_(Manifest::chunks_in(live.final_size, header_.manifest.chunk_bytes)),
      object_(std::move(object.descriptor)),
      region_(std::make_unique<UnmappedBytes>(object_, layout_)) {}

Result<std::shared_ptr<UnmappedSegment>> UnmappedSegment::open(const std::filesystem::path& directory,
                                                               const Locator& locator, const Trust& trust,
                                                               const Log& log) {
  const SurfaceId id = *locator.id();
  auto object = SegmentObject::open(directory / segment_name(id));
  if (!object || object->is_brokered || trust.trusts(object->user)) return std::shared_ptr<UnmappedSegment>();
  const auto refused = [&, user = object->user](std::string why, Errc code = Errc::denied) {
    const Error error{code, "it belongs to user " + std::to_string(user) + ", who is not trusted here, and " +
                                std::move(why)};
    if (log) log(LogLevel::warning, "a segment is not used for a pull: " + error.message());
    return fail(error);
  };
  if (!object->header) return refused(object->header.error().text);
  const SegmentHeader& header = *object->header;
  if (header.manifest.id != id) return refused("is another surface's");
  if (header.kind != RegionKind::inline_bytes) return refused("its bytes are a file's");
  auto verifier = core::ChunkVerifier::make(header.manifest, locator.key(), locator.root());
  if (!verifier) return refused(verifier.error().text, verifier.error().code);
  auto owner_file = open_owner_file(directory, header.owner, object->user);
  if (!owner_file) return fail(std::move(owner_file).error());
  if (auto offered = check_offered(header, object->live, object->descriptor, *owner_file); !offered)
    return fail(std::move(offered).error());
  LiveWords live = *object->live;
  // Waiting for more would be at a word of its owner's.
  if (live.state != SurfaceState::finished || live.final_size > header.manifest.size)
    return refused("it is not finished");
  if (!header.manifest.size_pending) live.final_size = header.manifest.size;
  std::shared_ptr<UnmappedSegment> segment(new UnmappedSegment(std::move(*object), live));
  if (!segment->begins_as_exposed(*verifier)) return refused("its first chunk failed verification");
  return segment;
}

// Under a root it is the first chunk that shows the manifest to be right: before that nothing is made of its
// sizes.
bool UnmappedSegment::begins_as_exposed(core::ChunkVerifier& verifier) const {
  const ChunkIndex first{0};
  if (manifest().size_pending) {
    if (!verifier.authenticates_end({live_.final_size, live_.end_tag})) return false;
    verifier.set_final_size(live_.final_size);
  }
  if (chunks_ == 0) return true;
  std::vector<std::byte> bytes(manifest().length_of(first));
  std::vector<std::byte> trailer(manifest().trailer_bytes);
  return verifier.take(*this, first, bytes, trailer).value_or(false);
}

Result<ReadStatus> UnmappedSegment::read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                                         ReadMode mode) const {
  return core::read_stored(
      manifest(), chunk, offset, out,
      [&](std::uint64_t at, std::span<std::byte> part) { return region_->read(at, part, mode); },
      [&](std::uint32_t at, std::span<std::byte> part) {
        return reader_.read(object_.get(), strangers_memory, layout_.trailer_offset(manifest(), chunk) + at,
                            part, mode);
      });
}

}  // namespace rgtp::shm
