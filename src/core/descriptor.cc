#include "core/descriptor.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace rgtp::core {

namespace {

std::atomic<unsigned> generation{0};

// One bit a descriptor. Never destroyed: a descriptor may be closed as late as anything.
class Registry {
 public:
  static Registry& instance() {
    static auto* const registry = new Registry;
    return *registry;
  }

  void set(int fd, bool listed) {
    const std::lock_guard lock(mutex_);
    set_locked(fd, listed);
  }
  int open(const char* path, int flags, mode_t mode) {
    const std::lock_guard lock(mutex_);
    const int fd = ::open(path, flags, mode);
    if (fd >= 0) set_locked(fd, true);
    return fd;
  }

 private:
  void set_locked(int fd, bool listed) {
    const auto word = static_cast<std::size_t>(fd) / 64;
    if (word >= words_.size()) words_.resize(word + 1);
    const std::uint64_t mask = std::uint64_t{1} << (fd % 64);
    words_[word] = listed ? words_[word] | mask : words_[word] & ~mask;
  }

  Registry() {
    pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                   [] {
                     instance().close_all();
                     instance().mutex_.unlock();
                   });
  }

  void close_all() {
    ++generation;
    for (std::size_t word = 0; word < words_.size(); ++word)
      for (int bit = 0; bit < 64; ++bit)
        if ((words_[word] >> bit & 1) != 0) ::close(static_cast<int>(word) * 64 + bit);
    words_.assign(words_.size(), 0);
  }

  std::mutex mutex_;
  std::vector<std::uint64_t> words_;
};

}  // namespace

void close_in_children(int fd) { Registry::instance().set(fd, true); }
void keep_in_children(int fd) { Registry::instance().set(fd, false); }

unsigned process_generation() {
  (void)Registry::instance();  // which counts: from here on, whoever forks
  return generation;
}

Descriptor::Descriptor(int fd) : fd_(fd), generation_(generation) {
  if (fd_ >= 0) close_in_children(fd_);
}
Descriptor Descriptor::open(const char* path, int flags, unsigned mode) {
  return Descriptor(Registry::instance().open(path, flags, mode));
}
Descriptor::Descriptor(Descriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), generation_(other.generation_) {}
Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(generation_, other.generation_);
  return *this;
}

void Descriptor::reset() {
  if (fd_ < 0 || !is_of_this_process()) return;
  keep_in_children(fd_);
  ::close(std::exchange(fd_, -1));
}

}  // namespace rgtp::core
