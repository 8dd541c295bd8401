// A program run by a test: its output collected, its end awaited up to a deadline.
//
//     ChildProcess expose(command, {"expose", "a.bin"}, {.directory = scratch});
//     const auto locator = expose.read_line();
//     expose.send_signal(SIGINT);
//     EXPECT_EQ(expose.wait(), 0);
//
// Nothing survives its test: the destructor kills the process, and the kernel does where the test itself
// dies. For tests with one thread, which is what fork() asks for. One thread uses an object.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace rgtp::test {

// What a stream of the child is. Bytes on either are collected.
enum class Stream { pipe, terminal };

class ChildProcess {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds default_patience{20};

  struct Options {
    std::filesystem::path directory = ".";
    // Written to stdin, which then ends. At most what a pipe holds (64 KiB).
    std::string input = {};
    // Where stdout goes; collected where this is empty.
    std::filesystem::path output_file = {};
    Stream errors = Stream::pipe;
    // Called in the child before it becomes the program, in `directory`; false ends it with not_prepared.
    std::function<bool()> prepare = {};
  };
  // How a child ends that never became the program.
  static constexpr int not_prepared = 125;
  static constexpr int not_started = 126;

  ChildProcess(const std::filesystem::path& program, std::vector<std::string> arguments,
               const Options& options);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The exit code, or -N where signal N ended it. One that is still there when patience ends is killed, which
  // is -SIGKILL.
  int wait(Clock::duration patience = default_patience);
  void send_signal(int number) const;
  pid_t pid() const { return pid_; }

  // The next line of stdout without its end; nothing where stdout ended first, or patience did.
  std::optional<std::string> read_line(Clock::duration patience = default_patience);
  // True once stdout, or stderr, has given so many bytes or that text.
  bool wait_for_output(std::size_t bytes, Clock::duration patience = default_patience);
  bool wait_for_error(std::string_view text, Clock::duration patience = default_patience);
  // As `head` does when it has enough.
  void close_output();
  // What came so far. Only while one of the functions above waits is anything read: a pipe fills up
  // meanwhile.
  const std::string& output() const { return streams_[0].text; }
  const std::string& errors() const { return streams_[1].text; }

 private:
  struct Collected {
    int descriptor = -1;
    std::string text = {};
  };

  [[noreturn]] static void become(const std::filesystem::path& program,
                                  const std::vector<std::string>& arguments, const Options& options,
                                  std::array<int, 3> descriptors, pid_t parent);
  // Collects until done() or the deadline; returns done().
  bool collect_until(const std::function<bool()>& done, Clock::time_point deadline);
  // Reads once; false where nothing was there.
  static bool collect(Collected& stream);
  bool has_ended() const;

  std::array<Collected, 2> streams_;
  pid_t pid_ = -1;
  int pid_descriptor_ = -1;
  std::size_t line_begin_ = 0;
  std::optional<int> status_;
};

}  // namespace rgtp::test
