#include "packet/picker.h"

#include <algorithm>
#include <cassert>

#include "packet/slicing.h"

namespace rgtp::packet {

void Picker::begin(const Manifest& manifest, std::uint16_t slice_bytes) {
  manifest_ = &manifest;
  slice_bytes_ = slice_bytes;
}

void Picker::cut_anew(std::uint16_t slice_bytes) {
  slice_bytes_ = slice_bytes;
  probe_.reset();
  for (const ChunkIndex chunk : reassembly_.cut_longer_than(slice_bytes)) {
    reassembly_.cut_anew(chunk, slices_of(*manifest_, chunk, slice_bytes), slice_bytes);
    if (chunk == chunk_) slices_ = 0;
  }
  rebuild();
}

void Picker::give_back(const SliceId& slice) {
  if (is_probing(slice)) return on_probe_lost();
  waiting_.push_back({slice});
}

void Picker::rebuild() {
  if (probe_) on_probe_lost();
  waiting_.clear();
  for (const SliceId& slice : reassembly_.all_missing()) {
    // What the cursor has not reached yet comes in its turn.
    if (slice.chunk == chunk_ && slices_ > 0 && slice.slice >= slice_) continue;
    waiting_.push_back({slice});
  }
}

std::optional<ChunkIndex> Picker::begin_next(ChunkRange wanted, std::uint16_t slice_bytes) {
  while (const auto chunk = availability_.next_fresh(wanted)) {
    availability_.take(*chunk);
    const auto placement = sink_.place(*chunk);
    if (!placement) continue;
    reassembly_.begin(*chunk, *placement, slices_of(*manifest_, *chunk, slice_bytes), slice_bytes);
    return chunk;
  }
  return std::nullopt;
}

bool Picker::find_next() {
  const ChunkRange wanted = sink_.wanted();
  // The window may have passed the chunk, the surface may end before it, or it may be there already.
  const bool is_left = chunk_ < wanted.first || chunk_ >= availability_.end() ||
                       (slices_ > 0 && reassembly_.slice_bytes_of(chunk_) == 0);
  if (slices_ > 0 && slice_ < slices_ && !is_left) return true;
  slices_ = 0;
  const auto chunk = begin_next(wanted, slice_bytes_);
  if (!chunk) return false;
  chunk_ = *chunk;
  slice_ = 0;
  slices_ = slices_of(*manifest_, chunk_, slice_bytes_);
  return true;
}

std::optional<SliceId> Picker::begin_probe(std::uint16_t slice_bytes) {
  const ChunkRange wanted = sink_.wanted();
  const auto next = availability_.next_fresh(wanted);
  if (!next || next->value + chunks_behind_probe >= std::min(wanted.end, availability_.end()).value)
    return std::nullopt;
  const auto chunk = begin_next(wanted, slice_bytes);
  if (!chunk) return std::nullopt;
  return probe_ = SliceId{*chunk, 0};
}

void Picker::on_probe_arrived(const SliceId& slice) {
  probe_.reset();
  for (const SliceId& missing : reassembly_.missing_of(slice.chunk))
    if (missing != slice) waiting_.push_back({missing, Asked::no});
}

void Picker::on_probe_lost() {
  const ChunkIndex chunk = probe_->chunk;
  probe_.reset();
  if (reassembly_.slice_bytes_of(chunk) == 0) return;
  reassembly_.cut_anew(chunk, slices_of(*manifest_, chunk, slice_bytes_), slice_bytes_);
  for (const SliceId& slice : reassembly_.missing_of(chunk)) waiting_.push_back({slice, Asked::no});
}

void Picker::drop_settled() {
  while (!waiting_.empty() && !reassembly_.is_missing(waiting_.front().slice)) waiting_.pop_front();
}

std::uint16_t Picker::next_slice_bytes() {
  if (manifest_ == nullptr) return 0;
  drop_settled();
  if (!waiting_.empty()) return reassembly_.slice_bytes_of(waiting_.front().slice.chunk);
  return find_next() ? reassembly_.slice_bytes_of(chunk_) : 0;
}

void Picker::pick(std::uint32_t most, Picked& picked) {
  picked.slices.clear();
  picked.again = 0;
  const std::uint16_t slice_bytes = next_slice_bytes();
  std::size_t runs = 0;
  const auto take = [&](const SliceId& slice) {
    if (reassembly_.slice_bytes_of(slice.chunk) != slice_bytes) return false;
    const bool continues = !picked.slices.empty() && picked.slices.back().chunk == slice.chunk &&
                           picked.slices.back().slice + 1 == slice.slice;
    if (!continues && runs == max_runs) return false;
    runs += continues ? 0 : 1;
    picked.slices.push_back(slice);
    return true;
  };
  while (picked.slices.size() < most) {
    drop_settled();
    if (waiting_.empty()) break;
    if (!take(waiting_.front().slice)) return;
    picked.again += waiting_.front().before == Asked::yes ? 1 : 0;
    waiting_.pop_front();
  }
  while (picked.slices.size() < most && find_next()) {
    if (!take({chunk_, static_cast<std::uint16_t>(slice_)})) return;
    ++slice_;
  }
}

void Picker::to_runs(const std::vector<SliceId>& slices, PullRequest& request) {
  request.run_count = 0;
  for (const SliceId& slice : slices) {
    Run* const last = request.run_count > 0 ? &request.runs[request.run_count - 1U] : nullptr;
    if (last != nullptr && last->chunk == slice.chunk && last->first + last->count == slice.slice) {
      ++last->count;
    } else {
      assert(request.run_count < max_runs);
      request.runs[request.run_count++] = Run{slice.chunk, slice.slice, 1};
    }
  }
}

}  // namespace rgtp::packet
