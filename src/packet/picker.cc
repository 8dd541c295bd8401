#include "packet/picker.h"

#include <cassert>

#include "packet/slicing.h"

namespace rgtp::packet {

void Picker::begin(const Manifest& manifest, std::uint16_t slice_bytes) {
  manifest_ = &manifest;
  slice_bytes_ = slice_bytes;
}

void Picker::cut_anew(std::uint16_t slice_bytes) {
  slice_bytes_ = slice_bytes;
  again_.clear();
  reassembly_.clear();
  availability_.offer_again();
  slices_ = 0;
}

void Picker::rebuild() {
  again_.clear();
  for (const SliceId& slice : reassembly_.all_missing()) {
    // What the cursor has not reached yet comes in its turn.
    if (slice.chunk == chunk_ && slices_ > 0 && slice.slice >= slice_) continue;
    again_.push_back(slice);
  }
}

bool Picker::find_next() {
  const ChunkRange wanted = sink_.wanted();
  // The window may have passed the chunk, or the surface may end before it.
  const bool is_left = chunk_ < wanted.first || chunk_ >= availability_.end();
  if (slices_ > 0 && slice_ < slices_ && !is_left) return true;
  slices_ = 0;
  while (const auto chunk = availability_.next_fresh(wanted)) {
    availability_.take(*chunk);
    const auto placement = sink_.place(*chunk);
    if (!placement) continue;
    chunk_ = *chunk;
    slice_ = 0;
    slices_ = slices_of(*manifest_, chunk_, slice_bytes_);
    reassembly_.begin(chunk_, *placement, slices_, slice_bytes_);
    return true;
  }
  return false;
}

void Picker::drop_settled() {
  while (!again_.empty() && !reassembly_.is_missing(again_.front())) again_.pop_front();
}

bool Picker::has_more() {
  if (manifest_ == nullptr) return false;
  drop_settled();
  return !again_.empty() || find_next();
}

void Picker::pick(std::uint32_t most, Picked& picked) {
  picked.slices.clear();
  picked.again = 0;
  std::size_t runs = 0;
  const auto take = [&](const SliceId& slice) {
    const bool continues = !picked.slices.empty() && picked.slices.back().chunk == slice.chunk &&
                           picked.slices.back().slice + 1 == slice.slice;
    if (!continues && runs == max_runs) return false;
    runs += continues ? 0 : 1;
    picked.slices.push_back(slice);
    return true;
  };
  while (picked.slices.size() < most) {
    drop_settled();
    if (again_.empty()) break;
    if (!take(again_.front())) return;
    again_.pop_front();
    ++picked.again;
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
