// The descriptors of exposed files that are open: a process exposes more files than it may open.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/descriptor.h"

namespace rgtp::shm {

// Any thread.
class OpenFiles {
 public:
  // Those used last stay open.
  static constexpr std::size_t most = 64;
  using File = std::shared_ptr<const core::Descriptor>;

  // What was kept for the key, which is used by that; nothing where it was closed meanwhile.
  File find(const void* key);
  // Closes what was not used for longest, as soon as nobody holds it any more.
  void keep(const void* key, File file);
  // Before the key is gone.
  void drop(const void* key);

 private:
  struct Entry {
    const void* key = nullptr;
    std::uint64_t used = 0;
    File file = {};
  };

  std::mutex mutex_;
  std::uint64_t uses_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace rgtp::shm
