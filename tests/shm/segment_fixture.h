// Segments for tests, in a directory of their own on the file system that they are made for.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include <sys/stat.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/surface_store.h"
#include "shm/exposed_segment.h"
#include "shm/file_bytes.h"
#include "shm/opened_segment.h"
#include "shm/os_faults.h"
#include "shm/output_file.h"
#include "support/surfaces.h"

namespace rgtp::shm {

// A segment with the store that writes it; withdrawn when it goes.
struct Exposed {
  std::shared_ptr<ExposedSegment> segment;
  std::shared_ptr<core::SurfaceStore> store;

  explicit Exposed(std::shared_ptr<ExposedSegment> made)
      : segment(std::move(made)),
        store(std::make_shared<core::SurfaceStore>(segment->header().manifest,
                                                   std::make_shared<SegmentRegion>(segment))) {}
  // A file's: its index is copied from the store.
  Exposed(std::shared_ptr<ExposedSegment> made, std::shared_ptr<core::SurfaceStore> of_file)
      : segment(std::move(made)), store(std::move(of_file)) {
    const Manifest& manifest = store->manifest();
    core::ChunkBitmap bitmap(segment->index().bitmap, manifest.chunk_count());
    for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value) {
      std::ranges::copy(
          store->trailer(chunk),
          segment->index().trailers.subspan(std::size_t{chunk.value} * manifest.trailer_bytes).begin());
      bitmap.set(chunk.value);
      segment->on_published();
    }
    segment->on_state(SurfaceState::finished);
  }
  Exposed(Exposed&&) = default;
  Exposed& operator=(Exposed&&) = delete;
  ~Exposed() {
    if (segment != nullptr) segment->withdraw();
  }

  void publish(std::uint32_t chunk, std::span<const std::byte> surface) const {
    const Manifest& manifest = store->manifest();
    const std::uint64_t offset = manifest.offset_of(ChunkIndex{chunk});
    std::vector<std::byte> bytes(manifest.length_of(ChunkIndex{chunk}));
    std::copy_n(surface.begin() + static_cast<std::ptrdiff_t>(offset),
                std::min<std::uint64_t>(bytes.size(), surface.size() - offset), bytes.begin());
    const auto written = store->region().write(offset, bytes);
    ASSERT_TRUE(written) << written.error().message();
    EXPECT_TRUE(store->publish(ChunkIndex{chunk}, core::chunk_tag(ChunkIndex{chunk}, bytes)));
  }
  void publish_all(std::span<const std::byte> surface) const {
    for (std::uint32_t chunk = 0; chunk < store->manifest().chunk_count(); ++chunk) publish(chunk, surface);
    store->end(SurfaceState::finished);
  }
};

class SegmentTest : public testing::Test {
 protected:
  // No name yet.
  Result<std::shared_ptr<ExposedSegment>> create(const Manifest& manifest,
                                                 const Access& access = Access::owner()) const {
    return ExposedSegment::create(
        directory_.path(), {.kind = RegionKind::inline_bytes, .owner = {}, .manifest = manifest, .file = {}},
        access);
  }
  // Growing, under its name.
  Exposed begin(const Manifest& manifest, const Access& access = Access::owner()) const {
    Exposed exposed(create(manifest, access).value());
    EXPECT_TRUE(exposed.segment->link());
    return exposed;
  }
  // bytes_ as manifest_ says, finished.
  Exposed expose(const Access& access = Access::owner()) const {
    Exposed exposed(create(manifest_, access).value());
    exposed.publish_all(bytes_);
    EXPECT_TRUE(exposed.segment->link());
    return exposed;
  }
  Result<std::shared_ptr<OpenedSegment>> open(const Trust& trust = Trust()) const {
    return OpenedSegment::open(directory_.path(), manifest_.id, trust);
  }
  // The same, which must come back at once whatever stands there.
  void expect_not_opened(Errc code, const std::string& part_of_text, const Trust& trust = Trust()) const {
    const auto begun = std::chrono::steady_clock::now();
    expect_error(open(trust), code, part_of_text);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));
  }
  fs::path object() const { return directory_ / segment_name(manifest_.id); }
  std::vector<std::string> names() const { return names_in(directory_.path()); }

  // Whether the store can be copied from by a thread that may not write itself; nothing where that cannot be
  // made.
  std::optional<bool> is_copied_inside_the_kernel(const Store& store, const fs::path& directory) const {
    bool copied = false;
    const bool ran = on_a_thread_refused({{SYS_pwrite64, EPERM}}, [&] {
      const auto out = OutputFile::create(directory / "out", bytes_.size(), IfExists::replace).value();
      copied = out->copy(store.region(), 0, 0, bytes_.size()) && std::ranges::equal(out->mapped(), bytes_);
    });
    return ran ? std::optional(copied) : std::nullopt;
  }
  static Bytes read_all(const Store& store) {
    Bytes bytes;
    for (std::uint32_t chunk = 0; chunk < store.manifest().chunk_count(); ++chunk) {
      const std::uint32_t length = store.manifest().length_of(ChunkIndex{chunk});
      Bytes part(length + Manifest::tag_bytes);
      EXPECT_EQ(store.read(ChunkIndex{chunk}, 0, part, ReadMode::may_block), ReadStatus::done);
      const auto tag = core::chunk_tag(ChunkIndex{chunk}, std::span(part).first(length));
      EXPECT_TRUE(std::ranges::equal(tag, std::span(part).subspan(length))) << "chunk " << chunk;
      bytes.insert(bytes.end(), part.begin(), part.begin() + length);
    }
    return bytes;
  }

  const TemporaryDirectory directory_{"/dev/shm"};
  const Bytes bytes_ = pattern(3 * 4096 + 100);
  const Manifest manifest_ = test::manifest_of(bytes_.size());
};

inline struct stat status_of(const fs::path& path) {
  struct stat status = {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}
inline mode_t mode_of(const fs::path& path) { return status_of(path).st_mode & 07777; }

// The mask that new files' modes pass through, for a while.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { ::umask(before_); }

 private:
  const mode_t before_;
};

}  // namespace rgtp::shm
