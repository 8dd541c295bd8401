// A region on the heap.
#pragma once

#include <functional>
#include <memory>

#include <rgtp/manifest.h>
#include <rgtp/region.h>

namespace rgtp::core {

class HeapRegion : public Region {
 public:
  // Uninitialised memory; no_space where there is not that much of it.
  [[nodiscard]] static Result<std::shared_ptr<HeapRegion>> make(std::uint64_t size);
  // Zeros that take memory only once they are written: for a capacity of which perhaps little is used.
  // no_space where there are not as many addresses.
  [[nodiscard]] static Result<std::shared_ptr<HeapRegion>> make_sparse(std::uint64_t capacity);
  // The one that a surface or a pull of it needs: sparse while its size is not known.
  [[nodiscard]] static Result<std::shared_ptr<HeapRegion>> make_for(const Manifest& manifest,
                                                                    std::uint64_t size) {
    return manifest.size_pending ? make_sparse(size) : make(size);
  }

  std::uint64_t size() const override { return size_; }
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override;
  Result<void> write(std::uint64_t offset, std::span<const std::byte> in) override;
  std::span<const std::byte> mapped() const override { return {bytes_.get(), size_}; }
  std::span<std::byte> writable() override { return {bytes_.get(), size_}; }

 private:
  using Bytes = std::unique_ptr<std::byte[], std::function<void(std::byte*)>>;
  HeapRegion(Bytes bytes, std::size_t size) : bytes_(std::move(bytes)), size_(size) {}

  Bytes bytes_;
  std::size_t size_;
};

}  // namespace rgtp::core
