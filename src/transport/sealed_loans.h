// What a writer was loaned of a sealed surface: private memory, since the surface's own holds ciphertext
// alone. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include <rgtp/types.h>

namespace rgtp::transport {

class SealedLoans {
 public:
  using Memory = std::vector<std::byte>;

  // The same until it is taken.
  std::span<std::byte> loan(ChunkIndex chunk, std::uint32_t length) {
    const std::lock_guard lock(mutex_);
    Memory& memory = loans_[chunk.value];
    memory.resize(length);
    return memory;
  }
  // Ends the loan: of several threads that publish a chunk one gets it.
  std::optional<Memory> take(ChunkIndex chunk) {
    const std::lock_guard lock(mutex_);
    const auto found = loans_.find(chunk.value);
    if (found == loans_.end()) return std::nullopt;
    Memory memory = std::move(found->second);
    loans_.erase(found);
    return memory;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::uint32_t, Memory> loans_;
};

}  // namespace rgtp::transport
