// A puller's side of a segment: finds it by the surface's id, takes nothing on trust that its header says,
// and maps it read-only as a store.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include <rgtp/log.h>
#include <rgtp/store.h>

#include "core/bitmap.h"
#include "shm/os.h"
#include "shm/segment_layout.h"

namespace rgtp::shm {

// Whose memory is mapped: this user's, root's, and that of users who were named.
class Trust {
 public:
  explicit Trust(std::vector<uid_t> users = {}) : users_(std::move(users)) {}
  bool trusts(uid_t user) const;

 private:
  std::vector<uid_t> users_;
};

// Words of the live part, by a system call: whoever owns the object may cut it short under a mapping.
struct LiveWords {
  SurfaceState state = SurfaceState::growing;
  std::uint32_t counter = 0;
  std::uint32_t published = 0;
  std::uint64_t final_size = unknown_size;
  EndTag end_tag{};
};

// A segment's object, found, checked and copied from, not mapped: for whoever looks at several.
struct SegmentObject {
  // A socket stands under the name, at which to ask for the object (broker_request.h): no descriptor then.
  bool is_brokered = false;
  Descriptor descriptor;
  bool is_unchangeable = false;  // its seals keep everybody from writing to it, as who was given it knows
  uid_t user = 0;
  std::uint64_t bytes = 0;
  std::optional<SegmentPrefix> prefix;
  Result<SegmentHeader> header = fail(Errc::malformed_data, "it was not read");
  // As they were then; source_changed where it ends before them.
  Result<LiveWords> live = fail(Errc::malformed_data, "it was not read");

  // Opens what stands under the name without following, waiting for or believing anything. Errors:
  // unknown_surface (nothing is there), denied (by its mode), malformed_data (no plain file of one name),
  // withdrawn, io_error.
  [[nodiscard]] static Result<SegmentObject> open(const std::filesystem::path& file);
  // The same of what somebody handed over. Errors: malformed_data, io_error.
  [[nodiscard]] static Result<SegmentObject> of(Descriptor descriptor);

 private:
  static Result<SegmentObject> of(Descriptor descriptor, const struct stat& status);
};

// Whether it is a surface that stays although its owner is dead: persistent and finished.
bool is_left_to_stay(const SegmentObject& object);
// The same of the surface of that id, where it is the user's.
bool is_left_to_stay(const std::filesystem::path& directory, const SurfaceId& id, uid_t user);

// Whether the segment is offered: not withdrawn, aborted or left by a dead process. By its words as they were
// read, and what both descriptors say now.
[[nodiscard]] Result<void> check_offered(const SegmentHeader& header, const Result<LiveWords>& live,
                                         const Descriptor& object, const Descriptor& owner_file);

class OpenedSegment : public Store {
 public:
  // Errors say why memory is not the route: unknown_surface, denied (mode, or an owner that is not trusted),
  // unsupported_version, malformed_data (among others what is no plain file of one name), exposer_gone,
  // withdrawn, aborted, io_error, and for a file that is not what the header says source_changed, not_found
  // or denied. What somebody planted under the name, or may have, is told to the log. Nothing where its
  // exposer is to be asked for it.
  [[nodiscard]] static Result<std::shared_ptr<OpenedSegment>> open(const std::filesystem::path& directory,
                                                                   const SurfaceId& id, const Trust& trust,
                                                                   const Log& log = {});
  // Of an object that `user`, who is trusted, handed over: malformed_data too where anybody could still
  // change or cut it.
  [[nodiscard]] static Result<std::shared_ptr<OpenedSegment>> take(Descriptor object, uid_t user,
                                                                   const std::filesystem::path& directory,
                                                                   const SurfaceId& id);

  bool is_file() const { return header_.kind == RegionKind::file; }
  const Manifest& manifest() const override { return header_.manifest; }
  const Region& region() const override { return *region_; }
  bool has(ChunkIndex chunk) const override { return bitmap_->test(chunk.value); }
  std::uint32_t published() const override { return live().published.load(std::memory_order_acquire); }
  SurfaceState state() const override;
  std::optional<std::uint64_t> final_size() const override;
  EndTag end_tag() const override { return live().end_tag; }
  Result<ReadStatus> read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                          ReadMode mode) const override;

  // What waiters look at.
  const LivePart& live() const;
  // False where the owner cut the object short: touching the mapping would be a signal.
  bool is_whole() const;
  // By the descriptor, which is still open. source_changed where the object was cut short.
  [[nodiscard]] Result<LiveWords> live_words() const;
  // Whether the exposer's process lives.
  bool has_owner() const;
  // The words as a waiter may rely on them: whole, and what a dead exposer published is among them.
  // source_changed.
  struct Look {
    LiveWords live;
    bool has_owner = false;  // its exposer lives
    bool is_orphaned() const { return !has_owner && live.state == SurfaceState::growing; }
  };
  [[nodiscard]] Result<Look> look() const;
  // Whether the segment is offered: not withdrawn, aborted or left by a dead process.
  [[nodiscard]] Result<void> check_offered() const;
  // With every chunk counted, when it was opened. state() would touch a page of a fresh mapping.
  bool was_finished() const { return was_finished_; }
  // Nothing of the surface is read any more but what is mapped.
  void close_descriptors();

 private:
  OpenedSegment(SegmentObject object, Descriptor owner_file);
  static Result<std::shared_ptr<OpenedSegment>> open(SegmentObject object,
                                                     const std::filesystem::path& directory);
  Result<void> map();
  Result<void> map_file_region();
  Result<void> check_offered(const Result<LiveWords>& live) const;

  SegmentHeader header_;
  SegmentLayout layout_;
  bool is_unchangeable_;
  Descriptor object_;
  Descriptor owner_file_;
  boost::interprocess::mapped_region mapping_;  // of the object
  std::unique_ptr<Region> region_;
  std::optional<core::ChunkBitmap> bitmap_;
  bool was_finished_ = false;
  Reader reader_;
};

}  // namespace rgtp::shm
