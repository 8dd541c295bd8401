// A file without a name that holds a surface's bytes: for ciphertext that has no room in memory. Gone with
// this object, in whatever way the process ends.
#pragma once

#include <filesystem>
#include <memory>

#include <rgtp/region.h>

#include "shm/os.h"

namespace rgtp::shm {

class SpillFile : public Region {
 public:
  // `size` bytes of zeros in that directory, which take space as they are written. Errors: not_found, denied,
  // no_space, io_error.
  [[nodiscard]] static Result<std::shared_ptr<SpillFile>> make(const std::filesystem::path& directory,
                                                               std::uint64_t size);

  std::uint64_t size() const override { return size_; }
  // By system calls, and never waiting for the disk under cached_only.
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override;
  // no_space, io_error.
  Result<void> write(std::uint64_t offset, std::span<const std::byte> in) override;
  std::span<const std::byte> mapped() const override { return {}; }
  std::span<std::byte> writable() override { return {}; }

 private:
  SpillFile(std::filesystem::path directory, Descriptor file, std::uint64_t size)
      : directory_(std::move(directory)), file_(std::move(file)), size_(size) {}

  const std::filesystem::path directory_;
  const Descriptor file_;
  const std::uint64_t size_;
  Reader reader_;
};

}  // namespace rgtp::shm
