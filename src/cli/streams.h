// stdin and stdout, so that neither ever holds up the end by a signal.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include <rgtp/error.h>

#include "cli/exit_code.h"
#include "cli/signals.h"

namespace rgtp::cli {

// Where the process was started without stdin, stdout or stderr, makes using them an error instead of using
// whatever was opened next in their place. Before anything else is opened.
void reserve_standard_descriptors();

// The first line of stdin, or of the file, without its end, or nothing where a signal came first. It is read
// up to its end and not beyond: the rest is for whoever shares stdin. Of a longer one the first `most` bytes.
std::optional<Result<std::string>> read_line(Signals& signals, std::size_t most);
std::optional<Result<std::string>> read_line_of(const std::string& file, Signals& signals, std::size_t most);

// Bytes of stdin as they come, at most out.size(); 0 at its end. Nothing where a signal came first.
// Calls `tick` while it waits, as Signals does.
std::optional<Result<std::size_t>> read_some(Signals& signals, std::span<std::byte> out,
                                             const std::function<void()>& tick = {});

// All of the text to stdout; what to end with.
ExitCode print(const std::string& text, Signals& signals);

class StdoutWriter {
 public:
  explicit StdoutWriter(Signals& signals);
  ~StdoutWriter();
  StdoutWriter(const StdoutWriter&) = delete;
  StdoutWriter& operator=(const StdoutWriter&) = delete;

  // Writes all of it. Nothing comes back where a signal came first.
  std::optional<Result<void>> write(std::span<const std::byte> bytes);

 private:
  Signals& signals_;
  // The same pipe or terminal opened anew, -1 for none.
  int unshared_ = -1;
  std::size_t most_a_write_;
};

}  // namespace rgtp::cli
