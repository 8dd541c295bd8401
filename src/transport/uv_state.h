// What a UvLoop shares with libuv's callbacks: lives until the uv_loop_t holds nothing of it any more.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <uv.h>

#include <rgtp/pending.h>

#include "core/descriptor.h"
#include "transport/deadlines.h"
#include "transport/uv_loop.h"

namespace rgtp::transport {

tl::unexpected<Error> uv_failure(const std::string& what, int error);

// One life: open, then closing (close(), or the last reference went), then ended. Members are the loop
// thread's own unless they stand under the mutex.
class UvState : public std::enable_shared_from_this<UvState> {
 public:
  UvState();
  ~UvState();

  // A loop of its own, which its thread is to run().
  [[nodiscard]] Result<void> open();
  // The caller's loop, on its thread.
  [[nodiscard]] Result<void> attach(uv_loop_t* loop);
  void run();

  bool is_attached() const { return loop_ != &own_loop_; }
  uv_loop_t* loop() { return loop_; }
  bool on_loop_thread() const { return std::this_thread::get_id() == thread_id_; }
  std::thread::id thread_id_;  // set before anybody else has this
  std::thread thread;

  // Any thread.
  Result<void> post(std::function<void()> task);
  void begin_closing();
  std::shared_ptr<detail::PendingState<void>> close(EventLoop& owner);
  // The owner goes: its Pendings are cancelled.
  void abandon_closings();
  // Keeps the object for what is still to run on the loop; gives it back where the loop has ended.
  std::unique_ptr<UvLoop> keep_until_end(std::unique_ptr<UvLoop> object);

  // The loop's thread.
  bool has_taken_leave() const { return has_taken_leave_; }
  Deadlines& deadlines() { return deadlines_; }
  void set_timer();
  void submit(std::function<void()> work, std::function<void()> done);
  std::shared_ptr<void> on_closing(std::function<void()> end);
  // Around each handle and request in the uv_loop_t: when the last one is released the loop has ended.
  void hold() { ++held_; }
  void release();

 private:
  enum class Phase { open, closing, ended };
  struct Job;

  Result<void> open_handles();
  void close_own_loop();
  void run_posted();
  void take_leave();
  void start_jobs();
  void end();

  uv_loop_t own_loop_{};
  uv_loop_t* loop_ = &own_loop_;
  core::Descriptor timer_fd_;
  std::optional<TimePoint> timer_set_to_;
  uv_async_t wake_{};
  uv_poll_t timer_poll_{};
  Deadlines deadlines_;
  std::deque<std::unique_ptr<Job>> waiting_jobs_;
  int running_jobs_ = 0;
  std::map<std::uint64_t, std::function<void()>> ends_;  // in the order of on_closing()
  std::uint64_t next_end_ = 0;
  bool has_taken_leave_ = false;
  int held_ = 0;
  std::shared_ptr<UvState> self_;  // while a loop of the caller's holds handles of ours

  std::mutex mutex_;
  Phase phase_ = Phase::open;
  std::vector<std::function<void()>> posted_;
  std::vector<std::shared_ptr<detail::PendingState<void>>> closings_;
  std::unique_ptr<UvLoop> kept_;
  const std::shared_ptr<detail::CallbackGate> gate_ = std::make_shared<detail::CallbackGate>();
};

}  // namespace rgtp::transport
