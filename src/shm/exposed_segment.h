// The exposer's side of a segment: makes the object, writes it, gives it its name, takes it back.
//
//     auto segment = ExposedSegment::create(directory, header, access);   // no name yet, so nobody sees it
//     half-made
//     ... bytes, trailers, bits ...
//     (*segment)->link();
//     (*segment)->withdraw();
//
// One whose exposer decides who may have it is nameless memory (memfd_create(2)): its name is a link to the
// socket at which to ask for it (broker.h). Nobody but this process can write to it, nor this one once it is
// finished.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>

#include <rgtp/access.h>
#include <rgtp/store.h>

#include "shm/os.h"
#include "shm/owner.h"
#include "shm/segment_layout.h"
#include "shm/segment_pool.h"

namespace rgtp::shm {

class ExposedSegment {
 public:
  // Access is set before anything else. Pages are taken as they are reserved. The header's owner is filled
  // in. With a pool its memory comes from there where it can, and goes there once the surface is withdrawn
  // and this object is gone. Errors: no_space (says how much is needed and how much is free), denied,
  // not_found (no such directory), invalid_argument (no such user or group), io_error.
  [[nodiscard]] static Result<std::shared_ptr<ExposedSegment>> create(
      const std::filesystem::path& directory, SegmentHeader header, const Access& access,
      const std::shared_ptr<SegmentPool>& pool = nullptr);
  // Without link() nothing is left; after it withdraw() has to be called.
  ~ExposedSegment();

  const SegmentHeader& header() const { return header_; }
  RegionIndex index();
  std::span<std::byte> data();
  // Takes pages for these bytes of data(). no_space.
  [[nodiscard]] Result<void> reserve(std::uint64_t offset, std::uint64_t length);

  bool is_brokered() const { return brokered_; }
  // Makes huge pages of those of data() in this range, of which both ends are multiples of them. False where
  // the kernel makes none. Lasts about 3.5 ms a MiB; any thread.
  bool make_huge_pages(std::uint64_t offset, std::uint64_t length);
  // Bytes of data() that this process has mapped by huge pages, as the kernel says. Reads all that is known
  // of its mappings; any thread.
  std::uint64_t huge_page_bytes_mapped();

  // The object's name appears. already_exposed where it is taken.
  [[nodiscard]] Result<void> link();
  // The same for a brokered one, whose name leads to the socket.
  [[nodiscard]] Result<void> link_to(const std::filesystem::path& socket);
  // A brokered one's memory, for reading, to be given to that user. Errors: io_error.
  [[nodiscard]] Result<Descriptor> hand_over(uid_t user);
  // Removes the name, and tells who waits: withdrawn, unless the surface was aborted. Readers keep what they
  // mapped.
  void withdraw();
  // In its stead, for one that is persistent and finished: it stays.
  void leave() { linked_ = false; }

  // Any thread. Each wakes whoever waits.
  void on_published();
  void on_final_size(const FinalSize& size);
  void on_state(SurfaceState state);

 private:
  ExposedSegment(std::shared_ptr<Owner> owner, SegmentHeader header);
  Result<void> open_object(const Access& access);
  Result<void> use_again(SegmentMemory memory);
  bool has_hole(std::uint64_t offset, std::uint64_t end) const;
  bool is_cut_short() const;
  bool move_to_pool();
  void close_to_others();
  Result<void> give_name(const std::string& target, int flags);
  std::atomic<std::uint64_t>& magic();
  std::unique_lock<std::mutex> writing();
  // For good; nothing where there is more to be written.
  Result<void> seal_if_done();
  Result<void> write_header();
  Result<void> populate(std::uint64_t offset, std::uint64_t length);
  Result<void> take_all();
  std::uint64_t rooms_made() const;
  bool make_room(std::uint64_t seen);
  tl::unexpected<Error> no_space() const;
  LivePart& live();
  void tell();

  std::filesystem::path directory() const { return owner_->directory(); }
  std::filesystem::path file() const;  // its name

  // Of one that has a pool.
  struct Reuse {
    std::shared_ptr<SegmentPool> pool;
    Access access;
    bool is_for_pool = false;         // its memory is another surface's afterwards
    std::filesystem::path file = {};  // the object's name in the pool, while it has one
  };
  bool is_in_pool() const { return reuse_ != nullptr && !reuse_->file.empty(); }

  // A process has many of these: what follows from the owner and the header is not kept.
  const std::shared_ptr<Owner> owner_;
  SegmentHeader header_;
  SegmentLayout layout_;
  std::unique_ptr<Reuse> reuse_;
  Descriptor object_;  // until it has its name, but one's that is brokered or for a pool for good
  boost::interprocess::mapped_region mapping_;
  std::atomic<bool> all_taken_ = false;
  std::atomic<std::uint32_t> published_ = 0;  // what others may have written over the live part's
  bool has_magic_ = false;
  std::atomic<bool> linked_ = false;
  std::atomic<bool> is_known_ = false;  // it had a name
  bool brokered_ = false;
  // For writes to a brokered one's live part, which end when it is sealed.
  std::mutex writing_;
  bool sealed_ = false;  // this process has no writable mapping any more
};

// An inline segment's bytes as a region: what the memory transport allocates.
class SegmentRegion : public Region {
 public:
  explicit SegmentRegion(std::shared_ptr<ExposedSegment> segment) : segment_(std::move(segment)) {}

  const std::shared_ptr<ExposedSegment>& segment() const { return segment_; }

  std::uint64_t size() const override { return segment_->data().size(); }
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override;
  // Reserves too.
  Result<void> write(std::uint64_t offset, std::span<const std::byte> in) override;
  std::span<const std::byte> mapped() const override { return segment_->data(); }
  std::span<std::byte> writable() override { return segment_->data(); }
  RegionIndex index() override { return segment_->index(); }
  Result<void> reserve(std::uint64_t offset, std::uint64_t length) override {
    return segment_->reserve(offset, length);
  }
  void on_published() override { segment_->on_published(); }
  void on_final_size(const FinalSize& size) override { segment_->on_final_size(size); }
  void on_state(SurfaceState state) override { segment_->on_state(state); }

 private:
  const std::shared_ptr<ExposedSegment> segment_;
};

}  // namespace rgtp::shm
