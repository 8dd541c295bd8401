// One line on a terminal that says how far a pull is.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rgtp::cli {

// "1.5 GB", as disks count.
std::string human_bytes(double bytes);

// "name [====    ]  16 %  1.5 MB/s  7 s left": what is drawn after so many seconds; where nobody knows the
// total yet, "name  1.2 GB  1.5 MB/s". `total` is not 0 and at most 2^44, as surfaces are.
std::string progress_line(std::string_view name, std::uint64_t bytes, std::optional<std::uint64_t> total,
                          double seconds);

class ProgressBar {
 public:
  // Draws on stderr, and only where that is a terminal.
  explicit ProgressBar(std::string name);
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void draw(std::uint64_t bytes, std::optional<std::uint64_t> total);
  // Takes the line away, for an ordinary one to follow.
  void clear();

 private:
  const std::string name_;
  const bool on_terminal_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  bool drawn_ = false;
};

}  // namespace rgtp::cli
