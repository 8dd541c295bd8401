// How much memory an exposer's surfaces take, all together, and no more than it was told.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <rgtp/types.h>

namespace rgtp::transport {

// Any thread. Kept by its shares.
class MemoryBudget : public std::enable_shared_from_this<MemoryBudget> {
 public:
  // `whole` is no limit.
  explicit MemoryBudget(std::uint64_t most) : most_(most) {}

  // What one surface takes, given back with it.
  class Share {
   public:
    explicit Share(std::shared_ptr<MemoryBudget> budget) : budget_(std::move(budget)) {}
    ~Share() { budget_->used_ -= bytes_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // False where it is more than is left.
    [[nodiscard]] bool add(std::uint64_t bytes) {
      std::uint64_t used = budget_->used_.load();
      do {
        if (bytes > budget_->most_ - used) return false;
      } while (!budget_->used_.compare_exchange_weak(used, used + bytes));
      bytes_ += bytes;
      return true;
    }

    void give_back(std::uint64_t bytes) {
      bytes_ -= bytes;
      budget_->used_ -= bytes;
    }

   private:
    const std::shared_ptr<MemoryBudget> budget_;
    std::atomic<std::uint64_t> bytes_{0};
  };

  // None where there is no limit.
  std::unique_ptr<Share> share() {
    return most_ == whole ? nullptr : std::make_unique<Share>(shared_from_this());
  }
  std::uint64_t most() const { return most_; }

 private:
  const std::uint64_t most_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace rgtp::transport
