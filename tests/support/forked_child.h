// A copy of the test's process that runs a function, for what only another process can show: locks that die
// with their holder, wakes that cross a border, a kill at any moment.
//
//     ForkedChild child([&](ForkedChild::Parent& parent) {
//       const auto owner = Owner::of_this_process(directory).value();
//       parent.tell(owner->id().to_hex());
//       parent.wait_to_be_killed();
//     });
//     const auto id = child.read_line();
//     child.kill();
//
// Nothing survives its test: the destructor kills the child, and the kernel does where the test itself dies.
// For tests that are one thread when they make it, which is what fork() asks for.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rgtp::test {

class ForkedChild {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds default_patience{20};

  // What the function has of its maker.
  class Parent {
   public:
    // A line, for read_line().
    void tell(std::string_view line) const {
      const std::string text = std::string(line) + "\n";
      if (::write(descriptor_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(3);
    }
    [[noreturn]] void wait_to_be_killed() const {
      while (true) ::pause();
    }

   private:
    friend class ForkedChild;
    explicit Parent(int descriptor) : descriptor_(descriptor) {}
    const int descriptor_;
  };

  // The child ends when `body` returns: with 0, or 1 where an expectation failed in it.
  explicit ForkedChild(const std::function<void(const Parent&)>& body) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    std::fflush(nullptr);  // or both would write what is buffered
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) std::abort();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(2);
      ::close(ends[0]);
      body(Parent(ends[1]));
      std::fflush(nullptr);
      ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    ::close(ends[1]);
    descriptor_ = ends[0];
  }
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;
  ~ForkedChild() {
    kill();
    ::close(descriptor_);
  }

  pid_t pid() const { return pid_; }
  // Returns when the process is no more.
  void kill() {
    if (status_) return;
    ::kill(pid_, SIGKILL);
    reap();
  }
  // The exit code, or -N where signal N ended it. Killed when patience ends.
  int wait(Clock::duration patience = default_patience) {
    const auto deadline = Clock::now() + patience;
    while (!status_) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        status_ = status;
      } else if (Clock::now() > deadline) {
        kill();
      } else {
        ::usleep(1000);
      }
    }
    return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : -WTERMSIG(*status_);
  }
  // The next line that the child told, without its end; nothing where the child ended first, or patience did.
  std::optional<std::string> read_line(Clock::duration patience = default_patience) {
    const auto deadline = Clock::now() + patience;
    std::size_t end = 0;
    while ((end = text_.find('\n')) == std::string::npos) {
      pollfd polled{descriptor_, POLLIN, 0};
      char bytes[512];
      if (::poll(&polled, 1, 50) == 1) {
        const ssize_t got = ::read(descriptor_, bytes, sizeof bytes);
        if (got <= 0) return std::nullopt;
        text_.append(bytes, static_cast<std::size_t>(got));
      }
      if (Clock::now() > deadline) return std::nullopt;
    }
    std::string line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return line;
  }

 private:
  void reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = status;
  }

  pid_t pid_ = -1;
  int descriptor_ = -1;
  std::string text_;
  std::optional<int> status_;
};

// Whether the condition came true in time: what does not come must fail a test, not hang it.
template <class Condition>
bool comes_true(const Condition& condition, ForkedChild::Clock::duration patience = std::chrono::seconds(5)) {
  const auto deadline = ForkedChild::Clock::now() + patience;
  while (!condition()) {
    if (ForkedChild::Clock::now() > deadline) return false;
    ::usleep(1000);
  }
  return true;
}

}  // namespace rgtp::test
