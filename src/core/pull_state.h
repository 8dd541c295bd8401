// The state of a pull, the same for every transport: what is wanted, what is there and verified, what the
// consumer has been given, how far it is.
//
//     auto extent = state.begin(manifest);        // on_manifest
//     state.use(store_in_region(*extent, region));
//     state.place(chunk) ... state.on_chunk(chunk)
//     while (auto view = state.take_next()) ...   // next()
#pragma once

#include <deque>

#include <rgtp/observer.h>
#include <rgtp/puller.h>

#include "core/bitmap.h"
#include "core/chunk_verifier.h"
#include "core/pull_storage.h"

namespace rgtp::core {

// One owner at a time; no locks of its own.
class PullState {
 public:
  struct Options {
    Range range = {};
    Order order = Order::arrival;
    std::uint64_t max_size = whole;
    // Below `whole`: only so many bytes are wanted ahead of the consumer. Under Order::content alone, since
    // under Order::arrival nobody knows where the consumer is.
    std::uint64_t window_bytes = whole;
    Verify verify = Verify::copies;
    // The locator's.
    std::optional<Key> key = {};
    std::optional<Locator::Root> root = {};
  };

  PullState(const Options& options, Observer& observer) : options_(options), observer_(observer) {}

  // What of the surface is pulled. Errors: out_of_range, too_large, malformed_data, and ChunkVerifier's.
  [[nodiscard]] Result<PullExtent> begin(const Manifest& manifest);
  // Where it goes; after begin(), and again while nothing is there yet.
  void use(std::unique_ptr<PullStorage> storage);
  // The same for a store that the transport brought along: nothing is placed then.
  void adopt(std::shared_ptr<const Store> store);
  // The same where every chunk is published: all of them are there at once, unhashed, in content order.
  [[nodiscard]] Result<void> adopt_whole(std::shared_ptr<const Store> store);

  // The same where chunks are to be private copies and are given out in content order, through a window: each
  // is read and verified, by prepare_next(), when its turn comes.
  [[nodiscard]] Result<void> read_from(std::shared_ptr<const Store> store);
  // Before take_next(): what has to be done for that one by the thread that takes it. Errors: corrupted,
  // source_changed, the region's.
  [[nodiscard]] Result<void> prepare_next();

  // The sink's side, as in transport.h.
  std::optional<Placement> place(ChunkIndex chunk);
  [[nodiscard]] Result<ChunkVerdict> on_chunk(ChunkIndex chunk);
  ChunkRange wanted() const;
  bool recognizes(const Description& description) const;
  // Cuts the extent to what there is of a growing surface. Errors: malformed_data for a size that cannot be,
  // corrupted for one that is not the exposer's, out_of_range.
  [[nodiscard]] Result<void> on_final_size(const FinalSize& size);
  // Takes over a chunk of the adopted store: unhashed, since the kernel says who could write it, unless the
  // options say otherwise. False where it is not in the extent, or was there. Errors: corrupted,
  // source_changed, the region's.
  [[nodiscard]] Result<bool> on_adopted(ChunkIndex chunk);
  // The chunk was copied into the storage and verified there. False as on_adopted().
  bool on_copied(ChunkIndex chunk);
  // too_large once a growing surface has outgrown max_size.
  [[nodiscard]] Result<void> check_size() const;

  // The consumer's side. The next chunk in the order asked for; nothing where it is not there yet, or where
  // all were given out, which exhausted() tells.
  std::optional<View> take_next();
  bool exhausted() const { return begun() && given_out_ == extent_->chunks.size(); }
  bool begun() const { return storage_ != nullptr; }
  bool complete() const { return begun() && kept_ == extent_->chunks.size(); }
  // The whole range; complete() holds.
  std::optional<View> view_all() { return storage_->view_all(); }
  Progress progress() const { return {bytes_, begun() ? extent_->range.length : 0}; }
  const std::optional<PullExtent>& extent() const { return extent_; }
  // After begin(). What workers verify with is a copy.
  const ChunkVerifier& verifier() const { return *verifier_; }

 private:
  bool is_there(ChunkIndex chunk) const {
    return all_there_ || there_->test(chunk.value - extent_->chunks.first.value);
  }
  void mark(ChunkIndex chunk);
  bool gave_out_others_than(const ChunkRange& chunks) const;
  Result<void> verify_adopted(ChunkIndex chunk);
  // Why a chunk of the store is not what it was.
  Result<ChunkVerdict> on_verified(ChunkIndex chunk, bool is_good);
  static Result<void> changed_in(const Store& store, ChunkIndex chunk);
  tl::unexpected<Error> outgrown(std::uint64_t bytes) const;

  const Options options_;
  Observer& observer_;
  std::optional<PullExtent> extent_;
  std::optional<ChunkVerifier> verifier_;
  std::unique_ptr<PullStorage> storage_;
  std::shared_ptr<const Store> adopted_;
  std::shared_ptr<const Store> source_;      // read_from()
  std::optional<std::uint64_t> final_size_;  // of a surface that was growing
  std::optional<ChunkBitmap> there_;         // of the extent's chunks as they were at first
  std::deque<ChunkIndex> arrived_;           // not given out yet, under Order::arrival
  bool all_there_ = false;                   // adopted whole: the bitmap and the queue are not kept
  std::uint32_t window_chunks_ = 0;
  std::uint32_t kept_ = 0;
  std::uint32_t given_out_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace rgtp::core
