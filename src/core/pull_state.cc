#include "core/pull_state.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace rgtp::core {

tl::unexpected<Error> PullState::outgrown(std::uint64_t bytes) const {
  return fail(Errc::too_large, "the pull would hold " + std::to_string(bytes) + " bytes, more than the " +
                                   std::to_string(options_.max_size) +
                                   " of max_size: pull a range, or chunk by chunk in content order");
}

Result<void> PullState::check_size() const {
  if (bytes_ > options_.max_size) return outgrown(bytes_);
  return {};
}

Result<PullExtent> PullState::begin(const Manifest& manifest) {
  assert(!extent_);
  assert(options_.window_bytes == whole || options_.order == Order::content);
  if (auto valid = manifest.validate(); !valid) return fail(std::move(valid).error());
  auto verifier = ChunkVerifier::make(manifest, options_.key, options_.root);
  if (!verifier) return fail(std::move(verifier).error());
  verifier_.emplace(std::move(*verifier));
  auto range = manifest.resolve(options_.range);
  if (!range) return fail(std::move(range).error());
  if (!manifest.size_pending && range->length > options_.max_size) return outgrown(range->length);
  auto chunks = manifest.chunks_of(*range);
  if (!chunks) return fail(std::move(chunks).error());
  extent_ = PullExtent{manifest, *range, *chunks};
  return *extent_;
}

bool PullState::recognizes(const Description& description) const {
  const Manifest& manifest = description.manifest;
  const auto verifier = ChunkVerifier::make(manifest, options_.key, options_.root);
  if (!verifier || !verifier->authenticates_head(description.tree_head)) return false;
  if (!description.end) return true;
  return manifest.size_pending ? verifier->authenticates_end(*description.end)
                               : description.end->bytes == manifest.size;
}

void PullState::use(std::unique_ptr<PullStorage> storage) {
  assert(extent_ && kept_ == 0);
  there_.emplace(extent_->chunks.size());
  // Two chunks at least, so that one can arrive while the other is consumed.
  const std::uint64_t window =
      std::max<std::uint64_t>(2, options_.window_bytes / extent_->manifest.chunk_bytes);
  window_chunks_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(window, extent_->chunks.size()));
  storage_ = std::move(storage);
  if (final_size_) storage_->trim(extent_->range);
}

ChunkRange PullState::wanted() const {
  if (!begun()) return {};
  const std::uint32_t first = extent_->chunks.first.value;
  if (options_.window_bytes == whole) return extent_->chunks;
  const std::uint32_t head = first + given_out_;
  return {ChunkIndex{head}, ChunkIndex{head + std::min(window_chunks_, extent_->chunks.end.value - head)}};
}

Result<void> PullState::on_final_size(const FinalSize& told) {
  assert(extent_);
  const std::uint64_t size = told.bytes;
  if (extent_->manifest.size_pending && !verifier_->authenticates_end(told))
    return fail(Errc::corrupted, "somebody other than the exposer says where the surface ends");
  if (final_size_ || size > extent_->manifest.size || !extent_->manifest.size_pending) {
    if ((final_size_ ? *final_size_ : extent_->manifest.size) == size) return {};
    return fail(Errc::malformed_data, "the exposer names a final size that cannot be");
  }
  Manifest final = extent_->manifest;
  final.size = size;
  auto range = final.resolve(options_.range);
  if (!range) return fail(std::move(range).error());
  auto chunks = final.chunks_of(*range);
  if (!chunks) return fail(std::move(chunks).error());
  if (gave_out_others_than(*chunks))
    return fail(Errc::malformed_data, "the exposer ended the surface before a chunk that it had published");
  final_size_ = size;
  verifier_->set_final_size(size);
  extent_->range = *range;
  extent_->chunks = *chunks;
  if (!begun()) return {};  // trimmed by use()
  storage_->trim(*range);
  std::erase_if(arrived_, [&](ChunkIndex chunk) { return !extent_->chunks.contains(chunk); });
  kept_ = 0;
  bytes_ = 0;
  for (ChunkIndex chunk = chunks->first; chunk < chunks->end; ++chunk.value) {
    if (!is_there(chunk)) continue;
    ++kept_;
    bytes_ += extent_->clip(chunk).length;
  }
  return {};
}

// Under Order::arrival these are the ones that are there and do not wait to be given out.
bool PullState::gave_out_others_than(const ChunkRange& chunks) const {
  if (given_out_ == 0 || options_.order == Order::content) return given_out_ > chunks.size();
  const auto is_other = [&](ChunkIndex chunk) { return !chunks.contains(chunk); };
  std::ptrdiff_t others = 0;
  for (ChunkIndex chunk = extent_->chunks.first; chunk < extent_->chunks.end; ++chunk.value)
    if (is_other(chunk) && is_there(chunk)) ++others;
  return others > std::count_if(arrived_.begin(), arrived_.end(), is_other);
}

std::optional<Placement> PullState::place(ChunkIndex chunk) {
  if (!wanted().contains(chunk) || is_there(chunk)) return std::nullopt;
  return storage_->place(chunk);
}

Result<ChunkVerdict> PullState::on_chunk(ChunkIndex chunk) {
  const auto placement = place(chunk);
  if (!placement) return ChunkVerdict::good;
  return on_verified(chunk, verifier_->verify(chunk, placement->bytes, placement->trailer));
}

Result<ChunkVerdict> PullState::on_verified(ChunkIndex chunk, bool is_good) {
  if (!is_good) {
    observer_.on_event(event::ChunkRejected{chunk});
    return ChunkVerdict::again;
  }
  if (auto kept = storage_->keep(chunk); !kept) return fail(std::move(kept).error());
  mark(chunk);
  observer_.on_event(event::ChunkVerified{chunk, static_cast<std::uint32_t>(extent_->clip(chunk).length)});
  return ChunkVerdict::good;
}

void PullState::adopt(std::shared_ptr<const Store> store) {
  assert(!verifier_->decrypts());
  adopted_ = store;
  use(store_adopted(*extent_, std::move(store)));
}

Result<void> PullState::adopt_whole(std::shared_ptr<const Store> store) {
  assert(extent_ && options_.verify == Verify::copies);
  const auto final_size = store->final_size();
  if (!final_size) return fail(Errc::malformed_data, "the exposer takes back the size of a finished surface");
  adopted_ = store;
  storage_ = store_adopted(*extent_, std::move(store));
  all_there_ = true;
  if (auto cut = on_final_size({*final_size, adopted_->end_tag()}); !cut) return cut;
  kept_ = extent_->chunks.size();
  bytes_ = extent_->range.length;
  observer_.on_event(event::SurfaceAdopted{kept_, bytes_});
  return {};
}

Result<void> PullState::read_from(std::shared_ptr<const Store> store) {
  assert(extent_ && options_.order == Order::content && options_.window_bytes != whole);
  source_ = std::move(store);
  use(store_in_window(*extent_));
  const auto final_size = source_->final_size();
  if (!final_size) return fail(Errc::malformed_data, "the exposer takes back the size of a finished surface");
  return on_final_size({*final_size, source_->end_tag()});
}

Result<void> PullState::prepare_next() {
  if (source_ == nullptr || !begun() || exhausted()) return {};
  const ChunkIndex chunk{extent_->chunks.first.value + given_out_};
  const auto placement = place(chunk);
  if (!placement) return {};
  auto taken = verifier_->take(*source_, chunk, placement->bytes, placement->trailer);
  if (!taken) return fail(std::move(taken).error());
  auto verdict = on_verified(chunk, *taken);
  if (!verdict) return fail(std::move(verdict).error());
  return *verdict == ChunkVerdict::good ? Result<void>() : changed_in(*source_, chunk);
}

Result<bool> PullState::on_adopted(ChunkIndex chunk) {
  if (!extent_->chunks.contains(chunk) || is_there(chunk)) return false;
  const auto bytes = static_cast<std::uint32_t>(extent_->clip(chunk).length);
  if (options_.verify == Verify::always || options_.root) {
    if (auto verified = verify_adopted(chunk); !verified) return fail(std::move(verified).error());
    observer_.on_event(event::ChunkVerified{chunk, bytes});
  } else {
    observer_.on_event(event::ChunkAdopted{chunk, bytes});
  }
  mark(chunk);
  return true;
}

bool PullState::on_copied(ChunkIndex chunk) {
  if (!extent_->chunks.contains(chunk) || is_there(chunk)) return false;
  mark(chunk);
  observer_.on_event(event::ChunkVerified{chunk, static_cast<std::uint32_t>(extent_->clip(chunk).length)});
  return true;
}

// Through the store, which survives where its memory is cut short under the reader.
Result<void> PullState::verify_adopted(ChunkIndex chunk) {
  const std::uint32_t length = extent_->manifest.length_of(chunk);
  std::vector<std::byte> stored(length + extent_->manifest.trailer_bytes);
  if (auto read = adopted_->read(chunk, 0, stored, ReadMode::may_block); !read)
    return fail(std::move(read).error());
  const auto trailer = std::span(stored).subspan(length);
  if (verifier_->verify_plain(chunk, std::span(stored).first(length), trailer)) return {};
  observer_.on_event(event::ChunkRejected{chunk});
  return changed_in(*adopted_, chunk);
}

Result<void> PullState::changed_in(const Store& store, ChunkIndex chunk) {
  if (auto unchanged = store.check_unchanged(ReadMode::cached_only); !unchanged) return unchanged;
  return fail(Errc::corrupted, "chunk " + std::to_string(chunk.value) +
                                   " failed verification, it is not what was exposed: its memory or its file "
                                   "was changed since");
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
  if (options_.order == Order::arrival && !all_there_) {
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
