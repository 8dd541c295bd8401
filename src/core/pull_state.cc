#include "core/pull_state.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/digest.h"

namespace rgtp::core {

Result<PullExtent> PullState::begin(const Manifest& manifest) {
  assert(!extent_);
  assert(options_.window_bytes == whole || options_.order == Order::content);
  if (auto valid = manifest.validate(); !valid) return fail(std::move(valid).error());
  if (manifest.protection != Protection::checksum || manifest.trailer_bytes != sizeof(Tag))
    return fail(Errc::unsupported_version,
                "the surface is protected in a way that this version cannot verify: update this program");
  if (manifest.size_pending)
    return fail(Errc::unsupported_version, "the surface still grows, which this version cannot pull yet");
  auto range = manifest.resolve(options_.range);
  if (!range) return fail(std::move(range).error());
  if (range->length > options_.max_size)
    return fail(Errc::too_large, "the pull would hold " + std::to_string(range->length) +
                                     " bytes, more than the " + std::to_string(options_.max_size) +
                                     " of max_size: pull a range, or chunk by chunk in content order");
  auto chunks = manifest.chunks_of(*range);
  if (!chunks) return fail(std::move(chunks).error());
  extent_ = PullExtent{manifest, *range, *chunks};
  return *extent_;
}

void PullState::use(std::unique_ptr<PullStorage> storage) {
  assert(extent_ && kept_ == 0);
  there_.emplace(extent_->chunks.size());
  // Two chunks at least, so that one can arrive while the other is consumed.
  const std::uint64_t window =
      std::max<std::uint64_t>(2, options_.window_bytes / extent_->manifest.chunk_bytes);
  window_chunks_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(window, extent_->chunks.size()));
  storage_ = std::move(storage);
}

ChunkRange PullState::wanted() const {
  if (!begun()) return {};
  const std::uint32_t first = extent_->chunks.first.value;
  if (options_.window_bytes == whole) return extent_->chunks;
  const std::uint32_t head = first + given_out_;
  return {ChunkIndex{head}, ChunkIndex{head + std::min(window_chunks_, extent_->chunks.end.value - head)}};
}

std::optional<Placement> PullState::place(ChunkIndex chunk) {
  if (!wanted().contains(chunk) || is_there(chunk)) return std::nullopt;
  return storage_->place(chunk);
}

Result<ChunkVerdict> PullState::on_chunk(ChunkIndex chunk) {
  const auto placement = place(chunk);
  if (!placement) return ChunkVerdict::good;
  const Tag tag = chunk_tag(chunk, placement->bytes);
  if (std::memcmp(tag.data(), placement->trailer.data(), tag.size()) != 0) {
    observer_.on_event(event::ChunkRejected{chunk});
    return ChunkVerdict::again;
  }
  if (auto kept = storage_->keep(chunk); !kept) return fail(std::move(kept).error());
  mark(chunk);
  observer_.on_event(event::ChunkVerified{chunk, static_cast<std::uint32_t>(extent_->clip(chunk).length)});
  return ChunkVerdict::good;
}

bool PullState::on_adopted(ChunkIndex chunk) {
  if (!extent_->chunks.contains(chunk) || is_there(chunk)) return false;
  mark(chunk);
  observer_.on_event(event::ChunkAdopted{chunk, static_cast<std::uint32_t>(extent_->clip(chunk).length)});
  return true;
}

void PullState::mark(ChunkIndex chunk) {
  there_->set(chunk.value - extent_->chunks.first.value);
  ++kept_;
  bytes_ += extent_->clip(chunk).length;
  if (options_.order == Order::arrival) arrived_.push_back(chunk);
}

std::optional<View> PullState::take_next() {
  if (!begun() || exhausted()) return std::nullopt;
  ChunkIndex chunk{extent_->chunks.first.value + given_out_};
  if (options_.order == Order::arrival) {
    if (arrived_.empty()) return std::nullopt;
    chunk = arrived_.front();
    arrived_.pop_front();
  } else if (!is_there(chunk)) {
    return std::nullopt;
  }
  View view = storage_->view(chunk);
  storage_->handed_out(chunk);
  ++given_out_;
  return view;
}

}  // namespace rgtp::core
