#include "shm/futex.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <climits>
#include <ctime>
#include <thread>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rgtp::shm {

namespace {

// From linux/futex.h of 5.16, which the oldest supported headers lack.
struct WaitV {
  std::uint64_t value;
  std::uint64_t address;
  std::uint32_t flags;
  std::uint32_t reserved;
};
constexpr std::uint32_t futex_32 = 2;
constexpr long futex_waitv_number = 449;
constexpr Duration poll_interval = std::chrono::milliseconds(5);

std::atomic<bool> kernel_knows_waitv{true};

timespec deadline_in(Duration timeout) {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const Duration at = std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec) + timeout;
  return {.tv_sec = at / std::chrono::seconds(1), .tv_nsec = (at % std::chrono::seconds(1)).count()};
}

}  // namespace

void futex_wake_all(const FutexWord& word) {
  (void)syscall(SYS_futex, reinterpret_cast<const std::uint32_t*>(&word), FUTEX_WAKE, INT_MAX, nullptr,
                nullptr, 0);
}

bool futex_wait(const FutexWord& word, std::uint32_t seen, Duration timeout) {
  const timespec relative = {.tv_sec = timeout / std::chrono::seconds(1),
                             .tv_nsec = (timeout % std::chrono::seconds(1)).count()};
  return syscall(SYS_futex, reinterpret_cast<const std::uint32_t*>(&word), FUTEX_WAIT, seen, &relative,
                 nullptr, 0) == 0;
}

void futex_wait_any(std::span<const FutexWait> waits, Duration timeout) {
  assert(!waits.empty() && waits.size() <= max_futex_waits);
  if (kernel_knows_waitv.load(std::memory_order_relaxed)) {
    std::array<WaitV, max_futex_waits> kernel_waits = {};
    std::transform(waits.begin(), waits.end(), kernel_waits.begin(), [](const FutexWait& wait) {
      return WaitV{wait.seen, reinterpret_cast<std::uintptr_t>(wait.word), futex_32, 0};
    });
    timespec deadline = deadline_in(timeout);
    if (syscall(futex_waitv_number, kernel_waits.data(), waits.size(), 0, &deadline, CLOCK_MONOTONIC) >= 0 ||
        errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT)
      return;
    // Memory that is gone makes every wait return at once; a filter may refuse the call where the kernel has
    // it.
    if (errno != EFAULT) kernel_knows_waitv.store(false, std::memory_order_relaxed);
  }
  std::this_thread::sleep_for(std::min(timeout, poll_interval));
}

}  // namespace rgtp::shm
