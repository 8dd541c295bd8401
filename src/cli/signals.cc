#include "cli/signals.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace rgtp::cli {

namespace {

constexpr int tick_ms = 100;

int bell_descriptor(const std::shared_ptr<void>& bell) { return *static_cast<const int*>(bell.get()); }

}  // namespace

Signals::Signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&set, signal);
  // nohup(1) has it ignored, and a signal that is blocked is not.
  struct sigaction hanging_up = {};
  if (sigaction(SIGHUP, nullptr, &hanging_up) == 0 && hanging_up.sa_handler != SIG_IGN)
    sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  descriptor_ = signalfd(-1, &set, SFD_CLOEXEC);
  if (descriptor_ < 0) std::abort();  // only without descriptors or memory, at the very start
  // A reader of stdout that went away and a file above `ulimit -f` are errors of write(), not deaths.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

Signals::~Signals() { close(descriptor_); }

int Signals::wait(const std::function<void()>& tick) {
  if (tick) {
    wait_until_ready(-1, 0, tick);
    return arrived_;
  }
  signalfd_siginfo info{};
  while (read(descriptor_, &info, sizeof info) < 0 && errno == EINTR) {
  }
  return arrived_ = static_cast<int>(info.ssi_signo);
}

bool Signals::arrive_within(std::chrono::milliseconds time) {
  pollfd polled{descriptor_, POLLIN, 0};
  if (poll(&polled, 1, static_cast<int>(time.count())) <= 0) return false;
  wait();
  return true;
}

bool Signals::wait_until_ready(int descriptor, short events, const std::function<void()>& tick) {
  while (true) {
    // By the clock: what is always ready would hold it up.
    const auto now = std::chrono::steady_clock::now();
    if (tick && now >= ticked_ + std::chrono::milliseconds(tick_ms)) {
      ticked_ = now;
      tick();
    }
    std::array<pollfd, 2> polled = {pollfd{descriptor_, POLLIN, 0}, pollfd{descriptor, events, 0}};
    const int ready = poll(polled.data(), polled.size(), tick ? tick_ms : -1);
    if (ready > 0 && polled[0].revents != 0) {
      wait();
      return false;
    }
    if (ready > 0) return true;
  }
}

std::shared_ptr<void> Signals::make_bell() {
  const int descriptor = eventfd(0, EFD_CLOEXEC);
  if (descriptor < 0) std::abort();
  return std::shared_ptr<int>(new int(descriptor), [](const int* bell) {
    close(*bell);
    delete bell;
  });
}

void Signals::ring(const std::shared_ptr<void>& bell) {
  const std::uint64_t one = 1;
  while (write(bell_descriptor(bell), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

bool Signals::wait_for_bell(const std::shared_ptr<void>& bell, const std::function<void()>& tick) {
  if (!wait_until_ready(bell_descriptor(bell), POLLIN, tick)) return false;
  // Whoever reads what the callback left behind must see what it wrote.
  std::uint64_t count = 0;
  while (read(bell_descriptor(bell), &count, sizeof count) < 0 && errno == EINTR) {
  }
  return true;
}

}  // namespace rgtp::cli
