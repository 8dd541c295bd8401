#include "shm/waiter.h"

#include <algorithm>
#include <system_error>

namespace rgtp::shm {

Waiter::~Waiter() {
  *self_ = nullptr;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  interrupt();
  looked_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Waiter::Ticket::~Ticket() {
  const std::lock_guard lock(waiter_.mutex_);
  std::erase_if(waiter_.entries_, [&](const Entry& entry) { return entry.number == number_; });
}

Result<std::unique_ptr<Waiter::Ticket>> Waiter::wait_for(const FutexWord& word,
                                                         std::shared_ptr<const void> memory,
                                                         std::uint32_t seen,
                                                         std::function<std::uint32_t()> look) {
  if (auto started = start_thread(); !started) return fail(std::move(started).error());
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = next_number_++;
    entries_.push_back({number, &word, std::move(memory), seen,
                        std::make_shared<std::function<std::uint32_t()>>(std::move(look))});
  }
  interrupt();
  return std::unique_ptr<Ticket>(new Ticket(*this, number));
}

Result<void> Waiter::start_thread() {
  if (thread_.joinable()) return {};
  try {
    thread_ = std::thread([this] { run(); });
    return {};
  } catch (const std::system_error& error) {
    return fail(Errc::io_error, std::string("no thread to wait for shared memory with: ") + error.what());
  }
}

void Waiter::interrupt() {
  control_.fetch_add(1);
  futex_wake_all(control_);
}

void Waiter::run() {
  std::vector<FutexWait> waits;
  std::vector<std::shared_ptr<const void>>
      memories;  // of the words waited for, whatever becomes of their tickets
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::uint32_t control = control_.load();
    waits.assign(1, {&control_, control});
    memories.clear();
    for (const Entry& entry : entries_) {
      if (waits.size() == max_futex_waits) break;
      waits.push_back({entry.word, entry.seen});
      memories.push_back(entry.memory);
    }
    const bool all = memories.size() == entries_.size();
    lock.unlock();
    futex_wait_any(waits, all ? look_interval : poll_interval);
    memories.clear();
    lock.lock();
    if (stopping_ || entries_.empty()) continue;
    // Not again before the loop has looked: the words would still be what they are now.
    looking_ = true;
    const auto posted = loop_.post([self = self_] {
      if (*self != nullptr) (*self)->look_at_all();
    });
    if (!posted) return;
    looked_.wait(lock, [&] { return stopping_ || !looking_; });
  }
}

void Waiter::look_at_all() {
  std::vector<Entry> entries;
  {
    const std::lock_guard lock(mutex_);
    entries = entries_;
  }
  for (const Entry& entry : entries) {
    {
      const std::lock_guard lock(mutex_);
      const auto same = [&](const Entry& known) { return known.number == entry.number; };
      if (std::none_of(entries_.begin(), entries_.end(), same)) continue;  // its ticket went meanwhile
    }
    const std::uint32_t seen = (*entry.look)();
    const std::lock_guard lock(mutex_);
    for (Entry& known : entries_)
      if (known.number == entry.number) known.seen = seen;
  }
  {
    const std::lock_guard lock(mutex_);
    looking_ = false;
  }
  looked_.notify_all();
}

}  // namespace rgtp::shm
