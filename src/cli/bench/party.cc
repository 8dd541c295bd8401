#include "cli/bench/party.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rgtp::cli::bench {

namespace {

constexpr std::chrono::milliseconds grace(500);  // with what was let go
constexpr int tick_ms = 100;

tl::unexpected<Error> no_process(const char* what) {
  return fail(Errc::io_error, std::string(what) + ": " + std::generic_category().message(errno) +
                                  ": raise the limits on processes and open files (ulimit -u, -n)");
}

void write_all(int socket, std::string text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t put = ::send(socket, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;  // it has ended, which hear() tells
    at += static_cast<std::size_t>(put);
  }
}

// Up to the next line's end; nothing where no more comes.
std::optional<std::string> read_line(int socket, std::string& heard) {
  while (true) {
    if (const std::size_t end = heard.find('\n'); end != std::string::npos) {
      std::string line = heard.substr(0, end);
      heard.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> part;
    const ssize_t got = ::recv(socket, part.data(), part.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    heard.append(part.data(), static_cast<std::size_t>(got));
  }
}

void answer_until_the_end(int socket, const std::function<Party::Answer()>& begin) {
  try {
    const Party::Answer answer = begin();
    std::string heard;
    while (const auto line = read_line(socket, heard)) write_all(socket, answer(*line) + "\n");
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    std::_Exit(1);
  }
  std::_Exit(0);
}

void become(int socket, std::vector<std::string> program) {
  ::dup2(socket, STDIN_FILENO);
  ::dup2(socket, STDOUT_FILENO);
  // Handlers go with the program that they belong to, what is blocked does not.
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> arguments;
  arguments.reserve(program.size() + 1);
  for (std::string& argument : program) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  std::_Exit(127);
}

bool enter(const Party::Place& place) {
  if (place.empty()) return true;
  const int space = ::open(("/run/netns/" + place).c_str(), O_RDONLY | O_CLOEXEC);
  return space >= 0 && ::setns(space, CLONE_NEWNET) == 0;
}

}  // namespace

Result<Party> Party::start(const std::function<Answer()>& begin, const Place& place) {
  return fork_to([&](int socket) { answer_until_the_end(socket, begin); }, place);
}

Result<Party> Party::run(const std::vector<std::string>& program, const Place& place) {
  return fork_to([&](int socket) { become(socket, program); }, place);
}

Result<Party> Party::fork_to(const std::function<void(int socket)>& take_part, const Place& place) {
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0)
    return no_process("no socket for another process");
  const pid_t parent = ::getpid();
  const pid_t process = ::fork();
  if (process < 0) {
    ::close(sockets[0]);
    ::close(sockets[1]);
    return no_process("no other process");
  }
  if (process > 0) {
    ::close(sockets[1]);
    return Party(process, sockets[0]);
  }
  ::close(sockets[0]);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent || !enter(place)) std::_Exit(1);
  // A terminal's signals are the campaign's, which then lets its parties go.
  for (const int signal : {SIGHUP, SIGINT}) ::signal(signal, SIG_IGN);
  take_part(sockets[1]);
  std::_Exit(1);
}

Party::Party(Party&& other) noexcept
    : process_(std::exchange(other.process_, -1)),
      socket_(std::exchange(other.socket_, -1)),
      heard_(std::move(other.heard_)) {}

Party::~Party() {
  if (process_ < 0) return;
  let_go();
  const auto deadline = std::chrono::steady_clock::now() + grace;
  std::array<char, 4096> rest;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd ended{socket_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&ended, 1, static_cast<int>(left.count())) <= 0) break;
    if (::recv(socket_, rest.data(), rest.size(), 0) <= 0) break;
  }
  ::close(socket_);
  ::kill(process_, SIGKILL);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void Party::let_go() const { ::shutdown(socket_, SHUT_WR); }

void Party::tell(const std::string& line) const { write_all(socket_, line + "\n"); }

std::optional<Result<std::string>> Party::hear(Signals& signals, std::chrono::seconds patience,
                                               const std::function<void()>& tick) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (heard_.find('\n') == std::string::npos) {
    if (signals.arrive_within({})) return std::nullopt;
    if (tick) tick();
    pollfd answered{socket_, POLLIN, 0};
    if (::poll(&answered, 1, tick_ms) <= 0) {
      if (std::chrono::steady_clock::now() < deadline) continue;
      return Result<std::string>(
          fail(Errc::timed_out,
               fmt::format("no answer within {} s: measure less (--size, --pullers)", patience.count())));
    }
    std::array<char, 4096> part;
    const ssize_t got = ::recv(socket_, part.data(), part.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0 && signals.arrive_within({})) return std::nullopt;  // which may have ended it too
    if (got <= 0)
      return Result<std::string>(
          fail(Errc::io_error,
               "a process that took part in the measurement has ended: see above, or the system's log"));
    heard_.append(part.data(), static_cast<std::size_t>(got));
  }
  return Result<std::string>(*read_line(socket_, heard_));
}

}  // namespace rgtp::cli::bench
