// Waiting for a word in memory that is shared between processes (futex(2)). A waiter needs only to read it.
#pragma once

#include <atomic>
#include <span>

#include <rgtp/types.h>

namespace rgtp::shm {

using FutexWord = std::atomic<std::uint32_t>;

// Wakes all that wait for the word, which need not be writable here.
void futex_wake_all(const FutexWord& word);

// Until the word is not `seen` and was woken, or `timeout` is over; may return for nothing. Half as long a
// way as futex_wait_any(). False unless it was woken; at once where the word's memory is gone.
bool futex_wait(const FutexWord& word, std::uint32_t seen, Duration timeout);

struct FutexWait {
  const FutexWord* word = nullptr;
  std::uint32_t seen = 0;  // returns at once where the word is something else
};
// Until one of the words changed and was woken, or `timeout` is over; may return for nothing. At most
// max_futex_waits. Where there is no futex_waitv(2) (before 5.16, or filtered), and where the memory of a
// word is gone, it returns every 5 ms: the words are never read here, because whoever owns them may cut them
// short.
inline constexpr std::size_t max_futex_waits = 128;
void futex_wait_any(std::span<const FutexWait> waits, Duration timeout);

}  // namespace rgtp::shm
