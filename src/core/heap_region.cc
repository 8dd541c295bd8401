#include "core/heap_region.h"

#include <cassert>
#include <cstring>

namespace rgtp::core {

Result<std::shared_ptr<HeapRegion>> HeapRegion::make(std::uint64_t size) {
  std::unique_ptr<std::byte[]> bytes(size <= PTRDIFF_MAX ? new (std::nothrow) std::byte[size] : nullptr);
  if (bytes == nullptr)
    return fail(Errc::no_space,
                "there is no memory for " + std::to_string(size) +
                    " bytes: pull a range, pull chunk by chunk in content order, or into a file");
  return std::shared_ptr<HeapRegion>(new HeapRegion(std::move(bytes), size));
}

Result<ReadStatus> HeapRegion::read(std::uint64_t offset, std::span<std::byte> out, ReadMode /*mode*/) const {
  assert(offset + out.size() <= size_);
  if (!out.empty()) std::memcpy(out.data(), bytes_.get() + offset, out.size());
  return ReadStatus::done;
}

Result<void> HeapRegion::write(std::uint64_t offset, std::span<const std::byte> in) {
  assert(offset + in.size() <= size_);
  if (!in.empty()) std::memcpy(bytes_.get() + offset, in.data(), in.size());
  return {};
}

}  // namespace rgtp::core
