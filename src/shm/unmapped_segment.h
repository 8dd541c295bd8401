// A segment of an owner who is not trusted: of what it holds nothing is mapped, since its owner may change it
// and cut it short at any moment. It is read by calls, into private memory, where the locator's key or root
// tells whether it is what was exposed.
#pragma once

#include <filesystem>
#include <memory>

#include <rgtp/locator.h>
#include <rgtp/log.h>
#include <rgtp/store.h>

#include "core/chunk_verifier.h"
#include "shm/opened_segment.h"

namespace rgtp::shm {

class UnmappedSegment : public Store {
 public:
  // Of the locator's surface, where that has a key or a root: nothing where its owner is trusted, so that
  // OpenedSegment is for it. Only what is finished, inline, and as the locator wants it, as manifest and
  // first chunk show; anything else is an error, told to the log where somebody may have planted it.
  [[nodiscard]] static Result<std::shared_ptr<UnmappedSegment>> open(const std::filesystem::path& directory,
                                                                     const Locator& locator,
                                                                     const Trust& trust, const Log& log = {});

  const Manifest& manifest() const override { return header_.manifest; }
  const Region& region() const override { return *region_; }
  bool has(ChunkIndex chunk) const override { return chunk.value < chunks_; }
  std::uint32_t published() const override { return chunks_; }
  SurfaceState state() const override { return SurfaceState::finished; }
  std::optional<std::uint64_t> final_size() const override { return live_.final_size; }
  EndTag end_tag() const override { return live_.end_tag; }
  Result<ReadStatus> read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                          ReadMode mode) const override;

 private:
  UnmappedSegment(SegmentObject object, const LiveWords& live);
  bool begins_as_exposed(core::ChunkVerifier& verifier) const;

  const SegmentHeader header_;
  const SegmentLayout layout_;
  const LiveWords live_;
  const std::uint32_t chunks_;
  const Descriptor object_;
  const std::unique_ptr<Region> region_;
  Reader reader_;
};

}  // namespace rgtp::shm
