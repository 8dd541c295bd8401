// A process of its own that takes part in a measurement: it answers lines with lines.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <rgtp/error.h>

#include "cli/signals.h"

namespace rgtp::cli::bench {

class Party {
 public:
  using Answer = std::function<std::string(const std::string& line)>;
  // A network namespace, as `ip netns` calls it; empty: this process's own.
  using Place = std::string;

  // Forks, so this process has no other threads yet. The child makes its `answer` by `begin`, and ends when
  // it is let go or this process ends. io_error where the host has no room for a process.
  [[nodiscard]] static Result<Party> start(const std::function<Answer()>& begin, const Place& place = {});
  // The same by a program, which answers the lines of its standard input; given its path and arguments.
  [[nodiscard]] static Result<Party> run(const std::vector<std::string>& program, const Place& place = {});
  Party(Party&& other) noexcept;
  Party& operator=(Party&&) = delete;
  // Lets it go, and kills it where it has not ended within half a second.
  ~Party();

  // It is to end. Of many, all are let go before the first one is waited for.
  void let_go() const;

  // Neither waits for the other. A line has no line's end in it.
  void tell(const std::string& line) const;
  // Its next answer; nothing where a signal came first. io_error where it ended without one, timed_out where
  // none came within the patience.
  std::optional<Result<std::string>> hear(Signals& signals, std::chrono::seconds patience,
                                          const std::function<void()>& tick = {});

 private:
  static Result<Party> fork_to(const std::function<void(int socket)>& take_part, const Place& place);
  Party(pid_t process, int socket) : process_(process), socket_(socket) {}

  pid_t process_;
  int socket_;
  std::string heard_;  // and not given out yet
};

}  // namespace rgtp::cli::bench
