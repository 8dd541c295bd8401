// The receiving end of a pull, in memory: verifies chunks by their tags and remembers what it is told.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include <rgtp/transport.h>

#include "core/digest.h"
#include "support/observers.h"

namespace rgtp::test {

class MemorySink : public Sink {
 public:
  Result<void> on_manifest(const Manifest& manifest) override {
    if (refuses_manifest_) return fail(Errc::too_large, "as the test wants it");
    manifest_ = manifest;
    bytes_.resize(manifest.stored_bytes());
    trailers_.resize(std::size_t{manifest.chunk_count()} * manifest.trailer_bytes);
    there_.assign(manifest.chunk_count(), false);
    if (!wanted_) wanted_ = ChunkRange{ChunkIndex{0}, ChunkIndex{manifest.chunk_count()}};
    return {};
  }
  bool adopt(std::shared_ptr<const Store> /*store*/) override { return false; }
  std::optional<Placement> place(ChunkIndex chunk) override {
    if (!wanted().contains(chunk) || there_[chunk.value]) return std::nullopt;
    return placement(chunk);
  }
  ChunkVerdict on_chunk(ChunkIndex chunk) override {
    const Placement where = placement(chunk);
    if (!std::ranges::equal(core::chunk_tag(chunk, where.bytes), where.trailer)) {
      ++rejected_;
      return ChunkVerdict::again;
    }
    there_[chunk.value] = true;
    return ChunkVerdict::good;
  }
  ChunkRange wanted() const override { return wanted_.value_or(ChunkRange{}); }
  Result<void> on_final_size(const FinalSize& size) override {
    final_size_ = size.bytes;
    if (refuses_final_size_) return fail(Errc::out_of_range, "as the test wants it");
    return {};
  }
  void on_end(Error error) override {
    ++ends_;
    error_ = std::move(error);
  }
  RecordingObserver& observer() override { return observer_; }

  void want(ChunkRange wanted) { wanted_ = wanted; }
  void refuse_manifest() { refuses_manifest_ = true; }
  void refuse_final_size() { refuses_final_size_ = true; }

  const std::optional<Manifest>& manifest() const { return manifest_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  bool is_there(ChunkIndex chunk) const { return there_[chunk.value]; }
  bool is_complete() const {
    return manifest_ && std::ranges::all_of(there_, [](bool there) { return there; });
  }
  std::uint32_t rejected() const { return rejected_; }
  int ends() const { return ends_; }
  std::optional<std::uint64_t> final_size() const { return final_size_; }
  std::optional<Errc> error() const { return error_ ? std::optional(error_->code) : std::nullopt; }

 private:
  Placement placement(ChunkIndex chunk) {
    return {std::span(bytes_).subspan(manifest_->offset_of(chunk), manifest_->length_of(chunk)),
            std::span(trailers_).subspan(std::size_t{chunk.value} * manifest_->trailer_bytes,
                                         manifest_->trailer_bytes)};
  }

  RecordingObserver observer_;
  std::optional<Manifest> manifest_;
  std::optional<ChunkRange> wanted_;
  std::vector<std::byte> bytes_;
  std::vector<std::byte> trailers_;
  std::vector<bool> there_;
  std::uint32_t rejected_ = 0;
  int ends_ = 0;
  std::optional<std::uint64_t> final_size_;
  std::optional<Error> error_;
  bool refuses_manifest_ = false;
  bool refuses_final_size_ = false;
};

}  // namespace rgtp::test
