#include "core/pull_storage.h"

#include <algorithm>
#include <cassert>

namespace rgtp::core {

namespace {

// One chunk and its trailer in memory of their own.
class ChunkBuffer {
 public:
  ChunkBuffer(std::uint32_t chunk_length, std::uint32_t trailer_length)
      : memory_(new std::byte[std::size_t{chunk_length} + trailer_length]),
        chunk_length_(chunk_length),
        trailer_length_(trailer_length) {}

  Placement placement() const {
    return {{memory_.get(), chunk_length_}, {memory_.get() + chunk_length_, trailer_length_}};
  }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::uint32_t chunk_length_;
  std::uint32_t trailer_length_;
};

std::shared_ptr<ChunkBuffer> make_buffer(const Manifest& manifest, ChunkIndex chunk) {
  return std::make_shared<ChunkBuffer>(manifest.length_of(chunk), manifest.trailer_bytes);
}

// The bytes of a chunk that stand at `part` in its surface.
std::span<const std::byte> part_of(const PullExtent& extent, ChunkIndex chunk,
                                   std::span<const std::byte> bytes, const Range& part) {
  return bytes.subspan(part.offset - extent.manifest.offset_of(chunk), part.length);
}

class RegionStorage : public PullStorage {
 public:
  RegionStorage(PullExtent extent, std::shared_ptr<Region> region)
      : PullStorage(std::move(extent)), region_(std::move(region)) {
    assert(region_->size() == this->extent().range.length && region_->is_memory());
  }

  std::optional<Placement> place(ChunkIndex chunk) override {
    const std::uint32_t length = extent().manifest.length_of(chunk);
    const Range clip = extent().clip(chunk);
    if (clip.length < length || region_->writable().empty()) {
      auto& buffer = beside_[chunk.value];
      if (buffer == nullptr) buffer = make_buffer(extent().manifest, chunk);
      return buffer->placement();
    }
    auto& trailer = trailers_[chunk.value];
    trailer.resize(extent().manifest.trailer_bytes);
    return Placement{region_->writable().subspan(in_region(clip), length), trailer};
  }

  Result<void> keep(ChunkIndex chunk) override {
    trailers_.erase(chunk.value);
    const auto buffer = beside_.find(chunk.value);
    if (buffer == beside_.end()) return {};
    const Range clip = extent().clip(chunk);
    auto written =
        region_->write(in_region(clip), part_of(extent(), chunk, buffer->second->placement().bytes, clip));
    beside_.erase(buffer);
    return written;
  }

  View view(ChunkIndex chunk) override {
    const Range part = shown_of(chunk);
    return {region_->mapped().subspan(in_region(part), part.length), part.offset, region_};
  }
  void handed_out(ChunkIndex /*chunk*/) override {}
  std::optional<View> view_all() override {
    return View(region_->mapped().first(shown().length), shown().offset, region_);
  }

 private:
  std::uint64_t in_region(const Range& part) const { return part.offset - extent().range.offset; }

  std::shared_ptr<Region> region_;
  // Until they are kept: what a manifest says of its size takes no memory.
  std::unordered_map<std::uint32_t, std::vector<std::byte>> trailers_;
  std::unordered_map<std::uint32_t, std::shared_ptr<ChunkBuffer>> beside_;
};

class WindowStorage : public PullStorage {
 public:
  using PullStorage::PullStorage;

  std::optional<Placement> place(ChunkIndex chunk) override {
    auto& buffer = buffers_[chunk.value];
    if (buffer == nullptr) buffer = make_buffer(extent().manifest, chunk);
    return buffer->placement();
  }
  Result<void> keep(ChunkIndex /*chunk*/) override { return {}; }
  View view(ChunkIndex chunk) override {
    const auto& buffer = buffers_.at(chunk.value);
    const Range part = shown_of(chunk);
    return {part_of(extent(), chunk, buffer->placement().bytes, part), part.offset, buffer};
  }
  void handed_out(ChunkIndex chunk) override { buffers_.erase(chunk.value); }
  std::optional<View> view_all() override { return std::nullopt; }

 private:
  std::unordered_map<std::uint32_t, std::shared_ptr<ChunkBuffer>> buffers_;
};

class AdoptedStorage : public PullStorage {
 public:
  AdoptedStorage(PullExtent extent, std::shared_ptr<const Store> store)
      : PullStorage(std::move(extent)), store_(std::move(store)) {}

  std::optional<Placement> place(ChunkIndex /*chunk*/) override { return std::nullopt; }
  Result<void> keep(ChunkIndex /*chunk*/) override { return {}; }
  View view(ChunkIndex chunk) override { return view_of(shown_of(chunk)); }
  void handed_out(ChunkIndex /*chunk*/) override {}
  std::optional<View> view_all() override { return view_of(shown()); }

 private:
  View view_of(const Range& part) const {
    return {store_->mapped().subspan(part.offset, part.length), part.offset, store_};
  }

  std::shared_ptr<const Store> store_;
};

}  // namespace

Range PullExtent::clip(ChunkIndex chunk) const {
  const std::uint64_t from = std::max(manifest.offset_of(chunk), range.offset);
  const std::uint64_t end =
      std::min(manifest.offset_of(chunk) + manifest.length_of(chunk), range.offset + range.length);
  return {from, end > from ? end - from : 0};
}

Range PullStorage::shown_of(ChunkIndex chunk) const {
  const Range clip = extent_.clip(chunk);
  const std::uint64_t end = std::min(clip.offset + clip.length, shown_.offset + shown_.length);
  return {clip.offset, end > clip.offset ? end - clip.offset : 0};
}

std::unique_ptr<PullStorage> store_in_region(PullExtent extent, std::shared_ptr<Region> region) {
  return std::make_unique<RegionStorage>(std::move(extent), std::move(region));
}
std::unique_ptr<PullStorage> store_in_window(PullExtent extent) {
  return std::make_unique<WindowStorage>(std::move(extent));
}
std::unique_ptr<PullStorage> store_adopted(PullExtent extent, std::shared_ptr<const Store> store) {
  return std::make_unique<AdoptedStorage>(std::move(extent), std::move(store));
}

}  // namespace rgtp::core
