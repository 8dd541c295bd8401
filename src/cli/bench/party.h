// A process of its own that takes part in a measurement: it answers lines with lines.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <sys/types.h>

#include <rgtp/error.h>

#include "cli/signals.h"

namespace rgtp::cli::bench {

class Party {
 public:
  using Answer = std::function<std::string(const std::string& line)>;

  // Forks, so this process has no other threads yet. The child makes its `answer` by `begin`, and ends when
  // it is let go or this process ends. io_error where the host has no room for a process.
  [[nodiscard]] static Result<Party> start(const std::function<Answer()>& begin);
  Party(Party&& other) noexcept;
  Party& operator=(Party&&) = delete;
  // Lets it go, and kills it where it does not end.
  ~Party();

  // Neither waits for the other. A line has no line's end in it.
  void tell(const std::string& line) const;
  // Its next answer; nothing where a signal came first. io_error where it ended without one.
  std::optional<Result<std::string>> hear(Signals& signals, const std::function<void()>& tick = {});

 private:
  Party(pid_t process, int socket) : process_(process), socket_(socket) {}

  pid_t process_;
  int socket_;
  std::string heard_;  // and not given out yet
};

}  // namespace rgtp::cli::bench
