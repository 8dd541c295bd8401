#include "transport/file_copy.h"

#include <cstring>
#include <utility>
#include <vector>

#include "core/digest.h"
#include "transport/pieces.h"

namespace rgtp::transport {

namespace {

// How often copies of a chunk may fail verification, all chunks together.
constexpr std::uint32_t max_failures = 8;

}  // namespace

// A job's part: on a worker.
struct FileCopy::Piece {
  std::shared_ptr<const Store> source;
  std::shared_ptr<shm::OutputFile> output;
  core::PullExtent extent;
  std::vector<ChunkIndex> chunks;
  std::vector<bool> verified = {};
  Result<void> failed = {};

  void copy() {
    std::vector<std::byte> buffer;
    for (const ChunkIndex chunk : chunks) {
      auto copied = copy(chunk, buffer);
      if (!copied) {
        failed = fail(std::move(copied).error());
        return;
      }
      verified.push_back(*copied);
    }
  }

 private:
  // Whether the chunk is what was exposed.
  Result<bool> copy(ChunkIndex chunk, std::vector<std::byte>& buffer) const {
    const Range part = extent.clip(chunk);
    const std::uint64_t place = part.offset - extent.range.offset;
    buffer.resize(extent.manifest.length_of(chunk));
    const bool is_whole = part.length == buffer.size();
    if (is_whole)
      if (auto copied = output->copy(source->region(), part.offset, place, part.length); !copied)
        return fail(std::move(copied).error());
    auto read = is_whole ? output->read(place, buffer, ReadMode::may_block)
                         : source->read(chunk, 0, buffer, ReadMode::may_block);
    core::Tag tag;
    if (read) read = source->read(chunk, extent.manifest.length_of(chunk), tag, ReadMode::may_block);
    if (!read) return fail(std::move(read).error());
    if (core::chunk_tag(chunk, buffer) != tag) {
      if (auto unchanged = source->region().check_unchanged(ReadMode::may_block); !unchanged)
        return fail(std::move(unchanged).error());
      return false;
    }
    if (is_whole) return true;
    // Of a chunk that is wanted in part, what was verified is what is written.
    const auto wanted =
        std::span(buffer).subspan(part.offset - extent.manifest.offset_of(chunk), part.length);
    if (auto written = output->write(place, wanted); !written) return fail(std::move(written).error());
    return true;
  }
};

FileCopy::FileCopy(std::shared_ptr<const Store> source, EventLoop& loop, OnCopied on_copied)
    : source_(std::move(source)), loop_(loop), on_copied_(std::move(on_copied)) {}

void FileCopy::start(const core::PullExtent& extent, std::shared_ptr<shm::OutputFile> output) {
  extent_ = extent;
  output_ = std::move(output);
  next();
}

void FileCopy::trim(const ChunkRange& chunks) {
  if (extent_) extent_->chunks = chunks;
}

void FileCopy::add(ChunkIndex chunk) {
  if (is_cancelled_) return;
  queue_.push_back(chunk);
  next();
}

void FileCopy::when_idle(std::function<void()> then) { when_idle_ = std::move(then); }

void FileCopy::cancel() {
  is_cancelled_ = true;  // it may be inside of one of these calls
  when_idle_ = nullptr;
  queue_.clear();
}

void FileCopy::next() {
  while (output_ != nullptr && !is_cancelled_ && running_ < most_pieces_running && !queue_.empty()) {
    const auto piece = std::make_shared<Piece>(Piece{source_, output_, *extent_, {}});
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

void FileCopy::on_done(const Piece& piece) {
  --running_;
  for (std::size_t i = 0; i < piece.verified.size() && !is_cancelled_; ++i) {
    const ChunkIndex chunk = piece.chunks[i];
    if (piece.verified[i]) {
      on_copied_(chunk, ChunkVerdict::good);
      continue;
    }
    on_copied_(chunk, ChunkVerdict::again);
    if (++failures_ < max_failures)
      queue_.push_back(chunk);
    else
      on_copied_(chunk,
                 fail(Errc::corrupted,
                      "a chunk failed verification again and again: its bytes were changed after it was "
                      "exposed"));
  }
  if (!piece.failed && !is_cancelled_) on_copied_(piece.chunks.back(), fail(piece.failed.error()));
  next();
}

}  // namespace rgtp::transport
