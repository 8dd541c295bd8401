// Tells an event loop that segments changed: one thread, started when first needed, that waits on the futex
// words of all of them.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <rgtp/event_loop.h>

#include "shm/futex.h"

namespace rgtp::shm {

// Made, used and destroyed on the loop's thread.
class Waiter {
 public:
  // At the latest after this long every segment is looked at: a reader of it can make waits for it useless,
  // and a dead exposer wakes nobody.
  static constexpr Duration look_interval = std::chrono::milliseconds(250);
  // Beyond as many segments as one wait takes, beside the word that interrupts it, all are looked at this
  // often.
  static constexpr Duration poll_interval = std::chrono::milliseconds(10);

  explicit Waiter(EventLoop& loop) : loop_(loop) {}
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // Calls `look`, on the loop, when the word is not `seen` any more and from time to time; it returns what it
  // has seen now. `memory` keeps the word. Until the ticket goes, which may be inside `look`.
  class Ticket {
   public:
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

   private:
    friend class Waiter;
    Ticket(Waiter& waiter, std::uint64_t number) : waiter_(waiter), number_(number) {}
    Waiter& waiter_;
    const std::uint64_t number_;
  };
  // io_error where the system gives no thread.
  [[nodiscard]] Result<std::unique_ptr<Ticket>> wait_for(const FutexWord& word,
                                                         std::shared_ptr<const void> memory,
                                                         std::uint32_t seen,
                                                         std::function<std::uint32_t()> look);

 private:
  struct Entry {
    std::uint64_t number = 0;
    const FutexWord* word = nullptr;
    std::shared_ptr<const void> memory;
    std::uint32_t seen = 0;
    std::shared_ptr<std::function<std::uint32_t()>> look;
  };

  Result<void> start_thread();
  void run();
  void look_at_all();
  void interrupt();

  EventLoop& loop_;
  std::thread thread_;
  FutexWord control_{0};

  std::mutex mutex_;
  std::condition_variable looked_;
  std::vector<Entry> entries_;
  std::uint64_t next_number_ = 0;
  bool looking_ = false;  // posted to the loop, and not done
  bool stopping_ = false;
  // Whether the waiter is there, for what is posted.
  std::shared_ptr<Waiter*> self_ = std::make_shared<Waiter*>(this);
};

}  // namespace rgtp::shm
