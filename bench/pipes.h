// What benchmarks of two processes share: giving up, and moving whole pieces through descriptors.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

namespace rgtp::bench {

[[noreturn]] inline void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline void read_all(int fd, void* out, std::size_t size) {
  for (auto* at = static_cast<char*>(out); size > 0;) {
    const ssize_t got = ::read(fd, at, size);
    if (got <= 0) give_up("read");
    at += got;
    size -= static_cast<std::size_t>(got);
  }
}

inline void write_all(int fd, const void* in, std::size_t size) {
  for (auto* at = static_cast<const char*>(in); size > 0;) {
    const ssize_t put = ::write(fd, at, size);
    if (put <= 0) give_up("write");
    at += put;
    size -= static_cast<std::size_t>(put);
  }
}

}  // namespace rgtp::bench
