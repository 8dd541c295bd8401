// A pull from a store that this process can read: offered to the sink where it is memory, copied chunk by
// chunk otherwise, a bounded piece in each turn of the loop. What the in-process and the memory transport
// share.
#pragma once

#include <memory>

#include <rgtp/transport.h>

#include "core/bitmap.h"

namespace rgtp::core {

// Loop's thread. Held by a Fetch, which calls cancel() when it goes; callbacks of the loop hold it weakly.
class LocalFetch : public std::enable_shared_from_this<LocalFetch> {
 public:
  LocalFetch(std::shared_ptr<const Store> store, Sink& sink, EventLoop& loop);

  // Tells the sink, in this call, what there is to tell: for a sink that adopts, and instead of the three
  // below. The loop has no part in it then.
  void tell_here();

  // None of these calls the sink before it returns.
  void start() { post_step(); }
  void on_store_changed() { post_step(); }
  void want_changed() { post_step(); }
  // No call to the sink follows.
  void cancel() { sink_ = nullptr; }

  // Ends the pull for a reason that the store cannot tell. Not inside a call to the sink.
  void end(Error error);
  // The same behind the chunks that are published.
  void end_behind_chunks(Error error);
  // Whether the sink took the store itself.
  bool is_adopted() const { return adopted_; }
  // Whether more is still to come from the store: the pull has not ended, and not all was seen.
  bool is_waiting() const;

 private:
  // The sink sees to the bytes.
  bool tells_only() const { return adopted_ || copied_from_; }
  bool is_over() const { return sink_ == nullptr || ended_; }
  void post_step();
  // True where there is more to do in the next turn.
  bool step();
  bool begin();
  bool tell_final_size();
  // True where there is more to do in the next turn.
  bool tell_chunks();
  bool copy_chunks();
  enum class Copied { yes, blocked, failed };
  Copied copy(ChunkIndex chunk, const Placement& placement);
  void read_ahead(ChunkIndex chunk);
  std::optional<Error> end_of(SurfaceState state) const;
  bool lacks_chunks() const;

  const std::shared_ptr<const Store> store_;
  Sink* sink_;
  EventLoop& loop_;
  ChunkBitmap told_;  // chunks that the sink knows of
  std::uint32_t told_count_ = 0;
  std::uint32_t lowest_ = 0;  // all below are told
  std::uint32_t failures_ = 0;
  bool begun_ = false;
  bool adopted_ = false;
  bool copied_from_ = false;  // by the sink
  bool final_size_told_ = false;
  bool reading_ = false;
  bool step_posted_ = false;
  bool ended_ = false;
  std::optional<Error> coming_end_;
};

}  // namespace rgtp::core
