// What stands behind a Pull: tries the route's transports, keeps the pull's state, and serves complete() and
// next() from it.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include <rgtp/puller.h>

#include "core/counters.h"
#include "core/pull_state.h"
#include "shm/mapped_file.h"
#include "transport/handle_core.h"
#include "transport/pending_list.h"

namespace rgtp::transport {

class PullerCore : public HandleCore {
 public:
  using HandleCore::HandleCore;
};

class PullJob : public Sink, public std::enable_shared_from_this<PullJob> {
 public:
  PullJob(std::shared_ptr<PullerCore> core, Locator locator, PullOptions options);

  // Any thread: what the Pull's calls come to.
  void start();
  Pending<View> complete();
  Pending<std::optional<View>> next();
  std::optional<Manifest> manifest() const;
  std::string transport() const;
  Stats stats() const { return counters_.snapshot(); }
  // The Pull goes: no callback runs afterwards, and the fetch ends on the loop.
  void cancel();

  // The sink: the loop's thread.
  Result<void> on_manifest(const Manifest& manifest) override;
  bool adopt(std::shared_ptr<const Store> store) override;
  std::optional<Placement> place(ChunkIndex chunk) override;
  ChunkVerdict on_chunk(ChunkIndex chunk) override;
  ChunkRange wanted() const override { return state_->wanted(); }
  void on_end(Result<std::uint64_t> final_size) override;
  Observer& observer() override { return counters_; }

 private:
  using NextState = detail::PendingState<std::optional<View>>;
  using CompleteState = detail::PendingState<View>;

  bool is_windowed() const { return options_.order == Order::content && options_.into.empty(); }

  // The loop's thread.
  Result<void> run(const std::function<void()>& step);
  void end_with_loop();
  void try_next_transport();
  void fall_back(Error error);
  Result<void> make_storage(const core::PullExtent& extent);
  void create_output(const core::PullExtent& extent);
  void use(std::unique_ptr<core::PullStorage> storage);
  void set_transport();
  void after_chunk();
  void finish(Result<void> result);
  void drop_fetch();
  void serve_waiters();

  const std::shared_ptr<PullerCore> core_;
  const Locator locator_;
  const PullOptions options_;
  core::Counters counters_;
  const std::shared_ptr<detail::CallbackGate> gate_ = std::make_shared<detail::CallbackGate>();
  PendingList<View> completes_;
  PendingList<std::optional<View>> nexts_;

  // The loop's thread alone.
  std::optional<core::PullState> state_;  // anew for every transport tried
  std::shared_ptr<shm::OutputFile> output_;
  std::unique_ptr<Fetch> fetch_;
  std::shared_ptr<void> closing_;  // until it is cancelled: the fetch goes on the loop whoever closes it
  std::size_t next_transport_ = 0;
  std::string trying_;                // the transport before it
  std::vector<std::string> reasons_;  // why routes were not taken
  bool adopted_ = false;
  std::optional<Result<void>> ended_;
  TimePoint started_;
  std::deque<std::shared_ptr<NextState>> next_waiters_;
  std::vector<std::shared_ptr<CompleteState>> complete_waiters_;

  mutable std::mutex mutex_;  // for what other threads read
  std::optional<Manifest> manifest_;
  std::string transport_;
};

}  // namespace rgtp::transport
