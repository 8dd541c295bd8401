// A surface that is far longer than any simulation, in little memory: every chunk has the same bytes, and a
// tag of its own. For rates that are measured over a while.
#pragma once

#include <vector>

#include "core/digest.h"
#include "sim/sinks.h"

namespace rgtp::test {

// Bytes of every chunk, and its tag.
class EndlessContent {
 public:
  explicit EndlessContent(std::uint64_t seed);

  static constexpr std::uint32_t chunk_bytes = 64 * 1024;
  static constexpr std::uint64_t size = std::uint64_t{16} << 30;
  std::span<const std::byte> bytes() const { return bytes_; }
  static core::Tag tag(ChunkIndex chunk);

 private:
  const std::vector<std::byte> bytes_;
};

class EndlessStore : public Store {
 public:
  EndlessStore(const SurfaceId& id, std::shared_ptr<const EndlessContent> content);

  const Manifest& manifest() const override { return manifest_; }
  const Region& region() const override { return *nothing_; }
  bool has(ChunkIndex /*chunk*/) const override { return true; }
  std::uint32_t published() const override { return manifest_.chunk_count(); }
  SurfaceState state() const override { return SurfaceState::finished; }
  std::optional<std::uint64_t> final_size() const override { return manifest_.size; }
  Result<ReadStatus> read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                          ReadMode mode) const override;

 private:
  Manifest manifest_;
  const std::shared_ptr<const EndlessContent> content_;
  const std::shared_ptr<const Region> nothing_;  // bytes come from read() alone
};

// Compares every chunk, and keeps none.
class EndlessSink : public SimulatedSink {
 public:
  EndlessSink(const Timeline& timeline, Trace& trace, std::size_t number,
              std::shared_ptr<const EndlessContent> content)
      : SimulatedSink(timeline, trace, number), content_(std::move(content)) {}

  // So far.
  bool is_exact(std::span<const std::byte> /*content*/) override { return wrong_ == 0 && !error(); }
  Result<void> on_manifest(const Manifest& manifest) override;
  std::optional<Placement> place(ChunkIndex chunk) override;
  ChunkVerdict on_chunk(ChunkIndex chunk) override;
  ChunkRange wanted() const override { return {ChunkIndex{0}, ChunkIndex{chunks_}}; }
  Result<void> on_final_size(const FinalSize& /*size*/) override { return {}; }

 private:
  struct Place {
    std::uint32_t chunk = 0;
    std::unique_ptr<std::vector<std::byte>> bytes;
  };
  Placement placement(const Place& place) const;

  const std::shared_ptr<const EndlessContent> content_;
  std::uint32_t chunks_ = 0;
  std::vector<bool> there_;
  std::vector<Place> open_;  // few: those that are under way
  std::vector<Place> free_;
  std::uint64_t wrong_ = 0;
};

}  // namespace rgtp::test
