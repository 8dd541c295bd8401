// What stands behind a Pull: tries the route's transports, keeps the pull's state, and serves complete() and
// next() from it.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include <rgtp/puller.h>

#include "core/counters.h"
#include "core/pull_state.h"
#include "shm/output_file.h"
#include "transport/chunk_copy.h"
#include "transport/handle_core.h"
#include "transport/pending_list.h"

namespace rgtp::transport {

class PullerCore : public HandleCore {
 public:
  PullerCore(EventLoop& loop, std::vector<std::shared_ptr<Transport>> transports,
             const PullerOptions& options)
      : HandleCore(loop, std::move(transports), options.log) {}
};

class PullJob : public Sink, public std::enable_shared_from_this<PullJob> {
 public:
  PullJob(std::shared_ptr<PullerCore> core, Locator locator, PullOptions options);

  // How long Wait::spin looks before it blocks.
  static constexpr Duration spin_time = std::chrono::milliseconds(1);

  // What the Pull's calls come to: any thread. Until the pull needs its loop for the first time it belongs to
  // the thread that calls, one at a time, and afterwards to the loop's.
  void start();
  Pending<View> complete();
  Pending<std::optional<View>> next();
  std::optional<Manifest> manifest() const;
  std::string transport() const;
  Stats stats() const;
  // The Pull goes: no callback runs afterwards, and the fetch ends on the loop.
  void cancel();

  // The sink: the loop's thread.
  bool recognizes(const Description& description) const override { return state_->recognizes(description); }
  Result<void> on_manifest(const Manifest& manifest) override;
  bool adopt(std::shared_ptr<const Store> store) override;
  bool copy_from(const std::shared_ptr<const Store>& store) override;
  std::optional<Placement> place(ChunkIndex chunk) override;
  ChunkVerdict on_chunk(ChunkIndex chunk) override;
  // A file is made by a worker first.
  bool takes_beginning() const override { return options_.into.empty() && options_.range.offset == 0; }
  ChunkRange wanted() const override { return state_->wanted(); }
  Result<void> on_final_size(const FinalSize& size) override;
  void on_end(Error error) override;
  Observer& observer() override { return counters_; }

 private:
  using NextState = detail::PendingState<std::optional<View>>;
  using CompleteState = detail::PendingState<View>;

  bool is_windowed() const { return options_.order == Order::content && options_.into.empty(); }

  // Whether the whole pull may be done by the calling thread, where a transport has all of it in memory.
  bool may_stay_in_thread() const;
  // A step on whichever thread the pull belongs to: at once, or in a later turn of the loop.
  Result<void> run(const std::function<void()>& step);

  // That thread.
  void end_with_loop();
  Result<void> resolve_local_name();
  Transport* next_candidate();
  void pull_in_this_thread();
  Result<void> take_whole(const std::shared_ptr<const Store>& store);
  bool follow(Transport& transport);
  void bring_on();
  void stop_following();
  void advance();
  template <class State>
  bool wait_in_this_thread(State& driven);
  template <class State>
  void let_drive(const std::shared_ptr<State>& state);
  void go_to_loop();
  void pull_on_loop();
  void begin_state();
  // Notes why the transport was not taken. False where there is none to fall back to.
  bool falls_back(const Error& error);
  Error final_error(Error error) const;
  Result<core::PullExtent> begin(const Manifest& manifest);
  Result<void> make_storage(const core::PullExtent& extent);
  void start_copy();
  void create_output(const core::PullExtent& extent);
  void use(std::unique_ptr<core::PullStorage> storage);
  void on_copied(ChunkIndex chunk, Result<ChunkVerdict> copied);
  void on_taken();
  void note_first_chunk();
  void set_transport();
  void after_chunk();
  void commit();
  void finish(Result<void> result);
  void drop_copy();
  void drop_fetch();
  void serve_waiters();

  const std::shared_ptr<PullerCore> core_;
  Locator locator_;
  const PullOptions options_;
  core::Counters counters_;
  const std::shared_ptr<detail::CallbackGate> gate_ = std::make_shared<detail::CallbackGate>();
  PendingList<View> completes_;
  PendingList<std::optional<View>> nexts_;

  std::mutex calls_;      // for the calls' threads
  bool on_loop_ = false;  // the pull belongs to the loop

  // The thread that the pull belongs to.
  std::optional<core::PullState> state_;  // anew for every transport tried
  std::shared_ptr<shm::OutputFile> output_;
  std::shared_ptr<Region> memory_;   // that the range is received in, where it is all held in memory
  std::shared_ptr<ChunkCopy> copy_;  // into it, by memory
  std::unique_ptr<Fetch> fetch_;
  // In its place, where get() waits for the memory itself: never the loop's.
  std::shared_ptr<Follower> follower_;
  std::uint32_t seen_ = 0;         // what it had said when it was advanced
  std::shared_ptr<void> closing_;  // until it is cancelled: the fetch goes on the loop whoever closes it
  std::size_t next_transport_ = 0;
  std::string trying_;  // the transport before it
  bool adopted_ = false;
  bool first_chunk_noted_ = false;
  bool committing_ = false;  // all is there, and the file is about to have its name
  std::optional<Result<void>> ended_;
  TimePoint started_;
  std::deque<std::shared_ptr<NextState>> next_waiters_;
  std::vector<std::shared_ptr<CompleteState>> complete_waiters_;

  mutable std::mutex mutex_;  // for what other threads read
  std::optional<Manifest> manifest_;
  std::string transport_;
  std::vector<std::string> routes_not_taken_;
};

}  // namespace rgtp::transport
