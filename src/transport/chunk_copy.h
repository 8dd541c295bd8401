// A pull by memory into storage of its own: worker threads copy what a store has published and verify, or
// decrypt, the copy. Into a file it is copied inside the kernel where that can be had, and verified as it
// stands there.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "core/chunk_verifier.h"
#include "core/pull_storage.h"
#include "shm/output_file.h"

namespace rgtp::transport {

// Loop's thread.
class ChunkCopy : public std::enable_shared_from_this<ChunkCopy> {
 public:
  // Where the copies go: the extent's range. The file is the region, where that is one.
  struct Target {
    std::shared_ptr<Region> region;
    std::shared_ptr<shm::OutputFile> file = nullptr;
  };
  // A chunk that is wanted is there and verified, or failed that and will be copied again, or why nothing
  // more will come: the source's source_changed or corrupted (again and again), or the target's errors.
  using OnCopied = std::function<void(ChunkIndex chunk, Result<ChunkVerdict> copied)>;

  ChunkCopy(std::shared_ptr<const Store> source, EventLoop& loop, OnCopied on_copied);

  // The target is there: what is added, and was, is copied from now on.
  void start(const core::PullExtent& extent, const core::ChunkVerifier& verifier, Target target);
  // A surface that grew has no more than these, and is verified like that.
  void trim(const ChunkRange& chunks, const core::ChunkVerifier& verifier);
  // The chunk is published.
  void add(ChunkIndex chunk);
  // Calls it once, as soon as no worker has anything of it.
  void when_idle(std::function<void()> then);
  bool is_idle() const { return queue_.empty() && running_ == 0; }
  // Nothing is copied any more, and nothing told but what when_idle() is given afterwards.
  void cancel();

 private:
  struct Piece;
  void next();
  void on_done(const Piece& piece);

  const std::shared_ptr<const Store> source_;
  EventLoop& loop_;
  const OnCopied on_copied_;
  bool is_cancelled_ = false;
  std::optional<core::PullExtent> extent_;
  std::optional<core::ChunkVerifier> verifier_;
  Target target_;
  std::deque<ChunkIndex> queue_;
  std::function<void()> when_idle_;
  std::uint32_t running_ = 0;
  std::uint32_t failures_ = 0;
};

}  // namespace rgtp::transport
