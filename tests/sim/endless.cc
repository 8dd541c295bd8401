#include "sim/endless.h"

#include <algorithm>
#include <cstring>

#include "core/heap_region.h"
#include "packet/wire.h"
#include "support/pattern.h"

namespace rgtp::test {

EndlessContent::EndlessContent(std::uint64_t seed) : bytes_(pattern(chunk_bytes, seed)) {}

core::Tag EndlessContent::tag(ChunkIndex chunk) {
  core::Tag tag{};
  std::memcpy(tag.data(), &chunk.value, sizeof chunk.value);
  return tag;
}

EndlessStore::EndlessStore(const SurfaceId& id, std::shared_ptr<const EndlessContent> content)
    : manifest_(Manifest::make(EndlessContent::size, "endless").value()),
      content_(std::move(content)),
      nothing_(core::HeapRegion::make(0).value()) {
  manifest_.id = id;
  manifest_.chunk_bytes = EndlessContent::chunk_bytes;
}

Result<ReadStatus> EndlessStore::read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                                      ReadMode /*mode*/) const {
  const auto bytes = content_->bytes();
  const std::size_t of_bytes =
      offset < bytes.size() ? std::min<std::size_t>(out.size(), bytes.size() - offset) : 0;
  if (of_bytes > 0) std::memcpy(out.data(), bytes.data() + offset, of_bytes);
  const core::Tag tag = EndlessContent::tag(chunk);
  for (std::size_t i = of_bytes; i < out.size(); ++i) {
    const std::size_t behind = offset + i - bytes.size();
    out[i] = behind < tag.size() ? tag[behind] : std::byte{0};
  }
  return ReadStatus::done;
}

Result<void> EndlessSink::on_manifest(const Manifest& manifest) {
  chunks_ = manifest.chunk_count();
  there_.assign(chunks_, false);
  return {};
}

Placement EndlessSink::placement(const Place& place) const {
  return {std::span(*place.bytes).first(EndlessContent::chunk_bytes),
          std::span(*place.bytes).subspan(EndlessContent::chunk_bytes)};
}

std::optional<Placement> EndlessSink::place(ChunkIndex chunk) {
  if (chunk.value >= chunks_ || there_[chunk.value]) return std::nullopt;
  for (const Place& place : open_)
    if (place.chunk == chunk.value) return placement(place);
  if (free_.empty())
    free_.push_back(
        {0, std::make_unique<std::vector<std::byte>>(EndlessContent::chunk_bytes + Manifest::tag_bytes)});
  open_.push_back(std::move(free_.back()));
  free_.pop_back();
  open_.back().chunk = chunk.value;
  return placement(open_.back());
}

ChunkVerdict EndlessSink::on_chunk(ChunkIndex chunk) {
  const auto found = std::ranges::find(open_, chunk.value, &Place::chunk);
  const Placement place = placement(*found);
  const core::Tag tag = EndlessContent::tag(chunk);
  if (std::memcmp(place.bytes.data(), content_->bytes().data(), place.bytes.size()) != 0 ||
      std::memcmp(place.trailer.data(), tag.data(), tag.size()) != 0) {
    ++wrong_;
    return ChunkVerdict::again;
  }
  on_event(event::ChunkVerified{chunk, EndlessContent::chunk_bytes});
  there_[chunk.value] = true;
  // So that the next chunk here is not right before it has come: a byte of every slice that there can be.
  for (std::size_t i = 0; i < place.bytes.size(); i += packet::min_slice_bytes)
    place.bytes[i] ^= std::byte{1};
  free_.push_back(std::move(*found));
  if (&*found != &open_.back()) *found = std::move(open_.back());
  open_.pop_back();
  return ChunkVerdict::good;
}

}  // namespace rgtp::test
