#include "support/child_process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rgtp::test {

namespace {

// Both ends, close-on-exec. A test that gets no descriptors cannot go on.
struct Ends {
  int ours = -1;
  int theirs = -1;
};

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

Ends make_output_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) give_up("pipe2");
  return {ends[0], ends[1]};
}

Ends make_terminal() {
  Ends ends;
  ends.ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  std::array<char, 64> name{};
  if (ends.ours < 0 || grantpt(ends.ours) != 0 || unlockpt(ends.ours) != 0 ||
      ptsname_r(ends.ours, name.data(), name.size()) != 0)
    give_up("pseudo-terminal");
  ends.theirs = open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ends.theirs < 0) give_up("pseudo-terminal");
  const winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  ioctl(ends.theirs, TIOCSWINSZ, &size);
  return ends;
}

int make_input(std::string_view text) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) give_up("pipe2");
  if (!text.empty() && write(ends[1], text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    give_up("write");
  close(ends[1]);
  fcntl(ends[0], F_SETFL, 0);
  return ends[0];
}

int milliseconds_until(ChildProcess::Clock::time_point deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - ChildProcess::Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

ChildProcess::ChildProcess(const std::filesystem::path& program, std::vector<std::string> arguments,
                           const Options& options) {
  arguments.insert(arguments.begin(), program.filename().string());
  const int input = make_input(options.input);
  Ends output;
  if (options.output_file.empty())
    output = make_output_pipe();
  else
    output.theirs = open(options.output_file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (output.theirs < 0) give_up("output file");
  const Ends errors = options.errors == Stream::terminal ? make_terminal() : make_output_pipe();
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) give_up("fork");
  if (pid_ == 0) become(program, arguments, options, {input, output.theirs, errors.theirs}, parent);
  close(input);
  close(output.theirs);
  close(errors.theirs);
  streams_[0].descriptor = output.ours;
  streams_[1].descriptor = errors.ours;
  for (const Collected& stream : streams_)
    if (stream.descriptor >= 0) fcntl(stream.descriptor, F_SETFL, O_NONBLOCK);
  pid_descriptor_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pid_descriptor_ < 0) give_up("pidfd_open");
}

void ChildProcess::become(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                          const Options& options, std::array<int, 3> descriptors, pid_t parent) {
  // Opened before anything is prepared: one who gave up rights may not be able to reach it by its path.
  const int file = open(program.c_str(), O_RDONLY | O_CLOEXEC);
  for (int i = 0; i < 3; ++i) dup2(descriptors[static_cast<std::size_t>(i)], i);
  if (chdir(options.directory.c_str()) != 0) _exit(not_started);
  if (options.prepare && !options.prepare()) _exit(not_prepared);
  // Last, because a change of user takes it back. A parent that is gone already cannot die again.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(not_started);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  fexecve(file, argv.data(), environ);
  _exit(not_started);
}

ChildProcess::~ChildProcess() {
  if (!status_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(pid_descriptor_);
  for (const Collected& stream : streams_)
    if (stream.descriptor >= 0) close(stream.descriptor);
}

bool ChildProcess::has_ended() const {
  pollfd polled{pid_descriptor_, POLLIN, 0};
  return poll(&polled, 1, 0) == 1;
}

int ChildProcess::wait(Clock::duration patience) {
  if (status_) return *status_;
  if (!collect_until([this] { return has_ended(); }, Clock::now() + patience)) kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  // What it wrote last. Not up to the end of the streams: a child of its own could hold them open.
  for (Collected& stream : streams_)
    while (collect(stream)) {
    }
  return *status_;
}

void ChildProcess::send_signal(int number) const {
  if (!status_) kill(pid_, number);
}

std::optional<std::string> ChildProcess::read_line(Clock::duration patience) {
  Collected& out = streams_[0];
  const auto line_end = [&] { return out.text.find('\n', line_begin_); };
  collect_until([&] { return line_end() != std::string::npos || out.descriptor < 0; },
                Clock::now() + patience);
  if (line_end() == std::string::npos) return std::nullopt;
  std::string line = out.text.substr(line_begin_, line_end() - line_begin_);
  line_begin_ += line.size() + 1;
  return line;
}

bool ChildProcess::wait_for_output(std::size_t bytes, Clock::duration patience) {
  return collect_until([&] { return output().size() >= bytes; }, Clock::now() + patience);
}

bool ChildProcess::wait_for_error(std::string_view text, Clock::duration patience) {
  return collect_until([&] { return errors().find(text) != std::string::npos; }, Clock::now() + patience);
}

void ChildProcess::close_output() { close(std::exchange(streams_[0].descriptor, -1)); }

bool ChildProcess::collect_until(const std::function<bool()>& done, Clock::time_point deadline) {
  while (!done()) {
    if (Clock::now() >= deadline) return false;
    // A negative descriptor is one that poll() leaves out.
    std::array<pollfd, 3> polled = {pollfd{streams_[0].descriptor, POLLIN, 0},
                                    pollfd{streams_[1].descriptor, POLLIN, 0},
                                    pollfd{pid_descriptor_, POLLIN, 0}};
    poll(polled.data(), polled.size(), milliseconds_until(deadline));
    for (std::size_t i = 0; i < streams_.size(); ++i)
      if (polled[i].revents != 0) collect(streams_[i]);
    const bool silent = polled[0].revents == 0 && polled[1].revents == 0;
    if (silent && polled[2].revents != 0) return done();
  }
  return true;
}

bool ChildProcess::collect(Collected& stream) {
  if (stream.descriptor < 0) return false;
  std::array<char, 65536> buffer;
  const ssize_t got = read(stream.descriptor, buffer.data(), buffer.size());
  if (got > 0) stream.text.append(buffer.data(), static_cast<std::size_t>(got));
  if (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN))) return got > 0;
  // The end; a terminal whose other side is closed says EIO.
  close(std::exchange(stream.descriptor, -1));
  return false;
}

}  // namespace rgtp::test
