// File descriptors that are closed with their owner, and in a forked child, where keeping them would hide the
// parent's death and hold its locks.
#pragma once

#include <utility>

namespace rgtp::core {

// A forked child closes the descriptor, until keep_in_children() takes that back. Any thread. A child of
// vfork() or posix_spawn() needs no such thing: descriptors here are close-on-exec.
void close_in_children(int fd);
void keep_in_children(int fd);

// Changes in a forked child: what a parent made says nothing there.
unsigned process_generation();

class Descriptor {
 public:
  explicit Descriptor(int fd = -1);
  // open(2), with no fork between opening and the promise that a child closes it; -1 and errno where it
  // fails.
  static Descriptor open(const char* path, int flags, unsigned mode = 0);
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // False in a forked child of the process that opened it, where it is closed.
  bool is_of_this_process() const { return generation_ == process_generation(); }
  // Closes it now.
  void reset();

 private:
  int fd_;
  unsigned generation_;  // in a forked child the number may be another file's
};

}  // namespace rgtp::core
