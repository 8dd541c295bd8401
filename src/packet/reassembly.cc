#include "packet/reassembly.h"

#include <algorithm>
#include <cstring>

namespace rgtp::packet {

namespace {

// Copies what of the payload falls into [from, from + part.size()) of the chunk-and-trailer.
void copy_part(std::span<const std::byte> payload, std::size_t payload_at, std::span<std::byte> part,
               std::size_t part_at) {
  const std::size_t from = std::max(payload_at, part_at);
  const std::size_t end = std::min(payload_at + payload.size(), part_at + part.size());
  if (from < end)
    std::memcpy(part.data() + (from - part_at), payload.data() + (from - payload_at), end - from);
}

}  // namespace

void Reassembly::begin(ChunkIndex chunk, const Placement& placement, std::uint32_t slices,
                       std::uint16_t slice_bytes) {
  chunks_[chunk.value].placement = placement;
  cut_anew(chunk, slices, slice_bytes);
}

void Reassembly::cut_anew(ChunkIndex chunk, std::uint32_t slices, std::uint16_t slice_bytes) {
  Chunk& state = chunks_.at(chunk.value);
  state.slices = state.missing = slices;
  state.slice_bytes = slice_bytes;
  state.there.assign((slices + 63) / 64, 0);
}

std::vector<ChunkIndex> Reassembly::cut_longer_than(std::uint16_t slice_bytes) const {
  std::vector<ChunkIndex> longer;
  for (const auto& [chunk, state] : chunks_)
    if (state.slice_bytes > slice_bytes) longer.push_back(ChunkIndex{chunk});
  std::sort(longer.begin(), longer.end());
  return longer;
}

Reassembly::Chunk* Reassembly::find(ChunkIndex chunk) const {
  if (found_ != nullptr && found_chunk_ == chunk.value) return found_;
  const auto found = chunks_.find(chunk.value);
  if (found == chunks_.end()) return nullptr;
  found_chunk_ = chunk.value;
  return found_ = const_cast<Chunk*>(&found->second);
}

bool Reassembly::is_missing(const SliceId& slice) const {
  const Chunk* const chunk = find(slice.chunk);
  return chunk != nullptr && slice.slice < chunk->slices && !chunk->has(slice.slice);
}

std::uint16_t Reassembly::slice_bytes_of(ChunkIndex chunk) const {
  const Chunk* const state = find(chunk);
  return state != nullptr ? state->slice_bytes : 0;
}

Reassembly::Outcome Reassembly::receive(const SliceId& slice, std::span<const std::byte> payload) {
  Chunk* const chunk = find(slice.chunk);
  if (chunk == nullptr || slice.slice >= chunk->slices || payload.size() != chunk->slice_bytes)
    return Outcome::not_begun;
  if (chunk->has(slice.slice)) return Outcome::duplicate;
  const std::size_t at = std::size_t{slice.slice} * chunk->slice_bytes;
  copy_part(payload, at, chunk->placement.bytes, 0);
  copy_part(payload, at, chunk->placement.trailer, chunk->placement.bytes.size());
  chunk->there[slice.slice / 64] |= std::uint64_t{1} << (slice.slice % 64);
  return --chunk->missing == 0 ? Outcome::chunk_filled : Outcome::placed;
}

void Reassembly::finish(ChunkIndex chunk) {
  chunks_.erase(chunk.value);
  found_ = nullptr;
}

std::uint32_t Reassembly::start_over(ChunkIndex chunk) {
  Chunk& state = chunks_.at(chunk.value);
  std::fill(state.there.begin(), state.there.end(), 0);
  state.missing = state.slices;
  return ++state.failures;
}

void Reassembly::finish_from(ChunkIndex end) {
  std::erase_if(chunks_, [&](const auto& entry) { return entry.first >= end.value; });
  found_ = nullptr;
}

void Reassembly::append_missing(ChunkIndex chunk, const Chunk& state, std::vector<SliceId>& out) {
  for (std::uint32_t slice = 0; slice < state.slices; ++slice)
    if (!state.has(slice)) out.push_back({chunk, static_cast<std::uint16_t>(slice)});
}

std::vector<SliceId> Reassembly::all_missing() const {
  std::vector<SliceId> missing;
  for (const auto& [chunk, state] : chunks_) append_missing(ChunkIndex{chunk}, state, missing);
  std::sort(missing.begin(), missing.end());
  return missing;
}

std::vector<SliceId> Reassembly::missing_of(ChunkIndex chunk) const {
  std::vector<SliceId> missing;
  if (const Chunk* const state = find(chunk); state != nullptr) append_missing(chunk, *state, missing);
  return missing;
}

}  // namespace rgtp::packet
