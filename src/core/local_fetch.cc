#include "core/local_fetch.h"

#include <vector>

#include "core/chunk_verifier.h"

namespace rgtp::core {

namespace {

// What one turn of the loop copies, or hands on, more or less.
constexpr std::uint32_t turn_bytes = 1024 * 1024;

}  // namespace

LocalFetch::LocalFetch(std::shared_ptr<const Store> store, Sink& sink, EventLoop& loop)
    : store_(std::move(store)), sink_(&sink), loop_(loop), told_(store_->manifest().chunk_count()) {}

void LocalFetch::post_step() {
  if (is_over() || reading_ || step_posted_) return;
  step_posted_ = true;
  (void)loop_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->step_posted_ = false;
    if (!self->is_over() && self->step()) self->post_step();
  });
}

void LocalFetch::tell_here() {
  while (!is_over() && step()) continue;
}

void LocalFetch::end(Error error) {
  if (is_over()) return;
  ended_ = true;
  sink_->on_end(std::move(error));
}

void LocalFetch::end_behind_chunks(Error error) {
  coming_end_ = std::move(error);
  post_step();
}

bool LocalFetch::is_waiting() const { return !is_over() && store_->state() == SurfaceState::growing; }

bool LocalFetch::step() {
  // Read first: what was published before an end is told before it.
  const SurfaceState state = store_->state();
  if (!begun_ && !begin()) return false;
  if (!tell_final_size()) return false;
  if (tells_only() ? tell_chunks() : copy_chunks()) return true;
  if (is_over() || reading_) return false;
  if (auto error = end_of(state)) end(std::move(*error));
  return false;
}

bool LocalFetch::begin() {
  begun_ = true;
  if (!sink_->on_manifest(store_->manifest())) {
    ended_ = true;
    return false;
  }
  adopted_ = store_->region().is_memory() && sink_->adopt(store_);
  copied_from_ = !adopted_ && sink_->copy_from(store_);
  return true;
}

bool LocalFetch::tell_final_size() {
  if (final_size_told_ || !store_->manifest().size_pending) return true;
  const auto size = store_->final_size();
  if (!size) return true;
  final_size_told_ = true;
  if (!sink_->on_final_size({*size, store_->end_tag()})) ended_ = true;
  return !ended_;
}

bool LocalFetch::tell_chunks() {
  const std::uint32_t published = store_->published();
  std::uint32_t told = 0;
  for (ChunkIndex chunk{lowest_}; told_count_ < published && chunk.value < told_.size() && !is_over();
       ++chunk.value) {
    if (told_.test(chunk.value) || !store_->has(chunk)) continue;
    // The sink may hash them.
    if (told >= turn_bytes) return true;
    // The final size is known before the chunk that holds the end, and may have come since.
    if (!tell_final_size()) return false;
    told_.set(chunk.value);
    ++told_count_;
    (void)sink_->on_chunk(chunk);
    told += store_->manifest().length_of(chunk);
  }
  lowest_ = told_.next_clear(lowest_, told_.size()).value_or(told_.size());
  return false;
}

bool LocalFetch::copy_chunks() {
  std::uint32_t copied = 0;
  const ChunkRange wanted = sink_->wanted();
  lowest_ = std::max(lowest_, wanted.first.value);
  for (ChunkIndex chunk{lowest_}; wanted.contains(chunk) && !is_over(); ++chunk.value) {
    if (told_.test(chunk.value) || !store_->has(chunk)) continue;
    if (copied >= turn_bytes) return true;
    if (!tell_final_size()) return false;
    if (const auto placement = sink_->place(chunk)) {
      switch (copy(chunk, *placement)) {
        case Copied::yes: break;
        case Copied::blocked: read_ahead(chunk); return false;
        case Copied::failed: return false;
      }
      copied += store_->manifest().length_of(chunk);
      if (sink_->on_chunk(chunk) == ChunkVerdict::again) {
        if (auto unchanged = store_->check_unchanged(ReadMode::cached_only); !unchanged) {
          end(std::move(unchanged).error());
          return false;
        }
        if (++failures_ < most_rereads) return true;
        end(failed_again_and_again());
        return false;
      }
    }
    told_.set(chunk.value);
  }
  lowest_ = told_.next_clear(lowest_, told_.size()).value_or(told_.size());
  return false;
}

LocalFetch::Copied LocalFetch::copy(ChunkIndex chunk, const Placement& placement) {
  const std::uint32_t length = store_->manifest().length_of(chunk);
  auto read = store_->read(chunk, 0, placement.bytes, ReadMode::cached_only);
  if (read && *read == ReadStatus::done)
    read = store_->read(chunk, length, placement.trailer, ReadMode::cached_only);
  if (!read) {
    end(std::move(read).error());
    return Copied::failed;
  }
  return *read == ReadStatus::done ? Copied::yes : Copied::blocked;
}

// Into the page cache, by a worker; what it finds wrong shows itself again on the loop.
void LocalFetch::read_ahead(ChunkIndex chunk) {
  reading_ = true;
  loop_.offload(
      [store = store_, chunk] {
        std::vector<std::byte> bytes(store->manifest().length_of(chunk) + store->manifest().trailer_bytes);
        (void)store->read(chunk, 0, bytes, ReadMode::may_block);
      },
      [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->reading_ = false;
        self->post_step();
      });
}

std::optional<Error> LocalFetch::end_of(SurfaceState state) const {
  if (state == SurfaceState::aborted)
    return Error{Errc::aborted, "the exposer gave the surface up before it was finished"};
  if (state == SurfaceState::withdrawn)
    return Error{Errc::withdrawn, "the exposer has withdrawn the surface"};
  if (state == SurfaceState::finished && lacks_chunks())
    return Error{Errc::malformed_data, "the surface is said to be finished, and lacks chunks or its size"};
  return coming_end_;
}

// Of a surface that is finished: no pull may wait for what nobody will publish. All that was published has
// been told where the store was adopted, and all that is wanted copied otherwise.
bool LocalFetch::lacks_chunks() const {
  const auto size = store_->final_size();
  if (!size) return true;
  return lowest_ < Manifest::chunks_in(*size, store_->manifest().chunk_bytes) && lowest_ < told_.size() &&
         (tells_only() || !store_->has(ChunkIndex{lowest_}));
}

}  // namespace rgtp::core
