#include "transport/chunk_copy.h"

#include <utility>
#include <vector>

#include "transport/pieces.h"

namespace rgtp::transport {

// A job's part: on a worker.
struct ChunkCopy::Piece {
  std::shared_ptr<const Store> source;
  Target target;
  core::PullExtent extent;
  core::ChunkVerifier verifier;
  std::vector<ChunkIndex> chunks = {};
  std::vector<bool> verified = {};
  Result<void> failed = {};
  std::vector<std::byte> buffer = {};
  std::vector<std::byte> trailer = {};

  void copy() {
    for (const ChunkIndex chunk : chunks) {
      auto copied = copy(chunk);
      if (!copied) {
        failed = fail(std::move(copied).error());
        return;
      }
      verified.push_back(*copied);
    }
  }

 private:
  // Whether the chunk is what was exposed.
  Result<bool> copy(ChunkIndex chunk) {
    const Range part = extent.clip(chunk);
    const std::uint64_t place = part.offset - extent.range.offset;
    const bool is_whole = part.length == extent.manifest.length_of(chunk);
    trailer.resize(extent.manifest.trailer_bytes);
    const bool in_kernel =
        is_whole && target.file != nullptr && !verifier.decrypts() && source->region().is_memory();
    auto copied = in_kernel ? copy_in_kernel(chunk, place) : copy_through(chunk, place, part);
    if (!copied || *copied) return copied;
    if (auto unchanged = source->region().check_unchanged(ReadMode::may_block); !unchanged)
      return fail(std::move(unchanged).error());
    return false;
  }

  Result<bool> copy_in_kernel(ChunkIndex chunk, std::uint64_t place) {
    buffer.resize(extent.manifest.length_of(chunk));
    const std::uint64_t offset = extent.manifest.offset_of(chunk);
    if (auto read = source->read(chunk, extent.manifest.length_of(chunk), trailer, ReadMode::may_block);
        !read)
      return fail(std::move(read).error());
    if (auto copied = target.file->copy(source->region(), offset, place, buffer.size()); !copied)
      return fail(std::move(copied).error());
    if (auto read = target.file->read(place, buffer, ReadMode::may_block); !read)
      return fail(std::move(read).error());
    return verifier.verify_plain(chunk, buffer, trailer);
  }

  // What is verified is what is kept.
  Result<bool> copy_through(ChunkIndex chunk, std::uint64_t place, const Range& part) {
    const std::uint32_t length = extent.manifest.length_of(chunk);
    const auto memory = target.region->writable();
    const bool is_in_place = !memory.empty() && part.length == length;
    if (!is_in_place) buffer.resize(length);
    const auto bytes = is_in_place ? memory.subspan(place, length) : std::span(buffer);
    auto taken = verifier.take(*source, chunk, bytes, trailer);
    if (!taken || !*taken || is_in_place) return taken;
    const auto wanted = bytes.subspan(part.offset - extent.manifest.offset_of(chunk), part.length);
    if (auto written = target.region->write(place, wanted); !written) return fail(std::move(written).error());
    return true;
  }
};

ChunkCopy::ChunkCopy(std::shared_ptr<const Store> source, EventLoop& loop, OnCopied on_copied)
    : source_(std::move(source)), loop_(loop), on_copied_(std::move(on_copied)) {}

void ChunkCopy::start(const core::PullExtent& extent, const core::ChunkVerifier& verifier, Target target) {
  extent_ = extent;
  verifier_.emplace(verifier);
  target_ = std::move(target);
  next();
}

void ChunkCopy::trim(const ChunkRange& chunks, const core::ChunkVerifier& verifier) {
  if (!extent_) return;
  extent_->chunks = chunks;
  verifier_.emplace(verifier);
}

void ChunkCopy::add(ChunkIndex chunk) {
  if (is_cancelled_) return;
  queue_.push_back(chunk);
  next();
}

void ChunkCopy::when_idle(std::function<void()> then) { when_idle_ = std::move(then); }

void ChunkCopy::cancel() {
  is_cancelled_ = true;  // it may be inside of one of these calls
  when_idle_ = nullptr;
  queue_.clear();
}

void ChunkCopy::next() {
  while (target_.region != nullptr && !is_cancelled_ && running_ < most_pieces_running && !queue_.empty()) {
    const auto piece = std::make_shared<Piece>(Piece{source_, target_, *extent_, *verifier_});
    for (std::uint32_t bytes = 0; bytes < piece_bytes && !queue_.empty(); queue_.pop_front()) {
      if (!extent_->chunks.contains(queue_.front())) continue;
      piece->chunks.push_back(queue_.front());
      bytes += extent_->manifest.length_of(queue_.front());
    }
    ++running_;
    loop_.offload([piece] { piece->copy(); }, [self = shared_from_this(), piece] { self->on_done(*piece); });
  }
  if (is_idle() && when_idle_) std::exchange(when_idle_, nullptr)();
}

void ChunkCopy::on_done(const Piece& piece) {
  --running_;
  for (std::size_t i = 0; i < piece.verified.size() && !is_cancelled_; ++i) {
    const ChunkIndex chunk = piece.chunks[i];
    if (piece.verified[i]) {
      on_copied_(chunk, ChunkVerdict::good);
      continue;
    }
    on_copied_(chunk, ChunkVerdict::again);
    if (++failures_ < core::most_rereads)
      queue_.push_back(chunk);
    else
      on_copied_(chunk, fail(core::failed_again_and_again()));
  }
  if (!piece.failed && !is_cancelled_) on_copied_(piece.chunks.back(), fail(piece.failed.error()));
  next();
}

}  // namespace rgtp::transport
