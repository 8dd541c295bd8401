// A region on the heap.
#pragma once

#include <memory>
#include <new>

#include <rgtp/region.h>

namespace rgtp::core {

class HeapRegion : public Region {
 public:
  // Uninitialised memory; no_space where there is not that much of it.
  [[nodiscard]] static Result<std::shared_ptr<HeapRegion>> make(std::uint64_t size);

  std::uint64_t size() const override { return size_; }
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override;
  Result<void> write(std::uint64_t offset, std::span<const std::byte> in) override;
  std::span<const std::byte> mapped() const override { return {bytes_.get(), size_}; }
  std::span<std::byte> writable() override { return {bytes_.get(), size_}; }

 private:
  HeapRegion(std::unique_ptr<std::byte[]> bytes, std::size_t size) : bytes_(std::move(bytes)), size_(size) {}

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_;
};

}  // namespace rgtp::core
