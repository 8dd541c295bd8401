#include "cli/streams.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rgtp/key.h>

namespace rgtp::cli {

namespace {

// So that a signal is looked for often enough.
constexpr std::size_t most_at_once = 64 * 1024;

bool is_worth_another_try(int error) { return error == EINTR || error == EAGAIN; }

tl::unexpected<Error> write_failure(int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return fail(full || error == EFBIG ? Errc::no_space : Errc::io_error,
              fmt::format("cannot write to stdout: {}", full ? "its disk is full" : std::strerror(error)));
}

}  // namespace

void reserve_standard_descriptors() {
  // The lowest free descriptor is taken, and this kind can neither be read nor written.
  int descriptor = open("/", O_PATH | O_CLOEXEC);
  while (descriptor >= 0 && descriptor <= STDERR_FILENO) descriptor = open("/", O_PATH | O_CLOEXEC);
  if (descriptor >= 0) close(descriptor);
}

namespace {

std::optional<Result<std::size_t>> read_some_of(int descriptor, std::string_view name, Signals& signals,
                                                std::span<std::byte> out,
                                                const std::function<void()>& tick = {}) {
  while (true) {
    if (!signals.wait_until_ready(descriptor, POLLIN, tick)) return std::nullopt;
    const ssize_t got = read(descriptor, out.data(), out.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (!is_worth_another_try(errno))
      return fail(Errc::io_error, fmt::format("cannot read from {}: {}", name, std::strerror(errno)));
  }
}

// It may hold a key: no copy of it is left behind.
std::optional<Result<std::string>> read_line_of(int descriptor, std::string_view name, Signals& signals,
                                                std::size_t most) {
  std::string line;
  line.reserve(most);
  while (line.size() < most) {
    char c = 0;
    const auto got = read_some_of(descriptor, name, signals, std::as_writable_bytes(std::span(&c, 1)));
    if (!got || !*got) wipe(line);
    if (!got) return std::nullopt;
    if (!*got) return fail(got->error());
    if (**got == 0 || c == '\n') break;
    line += c;
  }
  return line;
}

}  // namespace

std::optional<Result<std::string>> read_line(Signals& signals, std::size_t most) {
  return read_line_of(STDIN_FILENO, "stdin", signals, most);
}

std::optional<Result<std::string>> read_line_of(const std::string& file, Signals& signals, std::size_t most) {
  // A FIFO without a writer is waited for by poll(), where a signal ends it.
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (descriptor < 0)
    return fail(
        errno == ENOENT   ? Errc::not_found
        : errno == EACCES ? Errc::denied
                          : Errc::io_error,
        fmt::format("cannot open '{}', which is to hold the locator: {}", file, std::strerror(errno)));
  auto line = read_line_of(descriptor, "'" + file + "'", signals, most);
  close(descriptor);
  return line;
}

std::optional<Result<std::size_t>> read_some(Signals& signals, std::span<std::byte> out,
                                             const std::function<void()>& tick) {
  return read_some_of(STDIN_FILENO, "stdin", signals, out, tick);
}

// poll() promises room for PIPE_BUF bytes: a longer write may block, with signals blocked. Set on stdout
// itself, O_NONBLOCK would hold for every process that shares it; on a pipe or terminal opened anew it is
// ours alone.
StdoutWriter::StdoutWriter(Signals& signals) : signals_(signals), most_a_write_(PIPE_BUF) {
  struct stat status = {};
  if (fstat(STDOUT_FILENO, &status) != 0) return;
  if (S_ISFIFO(status.st_mode) || isatty(STDOUT_FILENO) == 1)
    unshared_ = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  // A regular file never waits for a reader.
  if (unshared_ >= 0 || S_ISREG(status.st_mode)) most_a_write_ = most_at_once;
}

StdoutWriter::~StdoutWriter() {
  if (unshared_ >= 0) close(unshared_);
}

std::optional<Result<void>> StdoutWriter::write(std::span<const std::byte> bytes) {
  const int descriptor = unshared_ >= 0 ? unshared_ : STDOUT_FILENO;
  while (!bytes.empty()) {
    if (!signals_.wait_until_ready(descriptor, POLLOUT)) return std::nullopt;
    const ssize_t written = ::write(descriptor, bytes.data(), std::min(bytes.size(), most_a_write_));
    if (written >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    else if (!is_worth_another_try(errno))
      return write_failure(errno);
  }
  return Result<void>();
}

ExitCode print(const std::string& text, Signals& signals) {
  StdoutWriter output(signals);
  const auto written = output.write(std::as_bytes(std::span(text)));
  if (written && !*written) return report(written->error());
  return ExitCode::ok;
}

}  // namespace rgtp::cli
