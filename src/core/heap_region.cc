#include "core/heap_region.h"

#include <cassert>
#include <cstring>
#include <new>

#include <sys/mman.h>

namespace rgtp::core {

namespace {

tl::unexpected<Error> no_memory(std::uint64_t size) {
  return fail(Errc::no_space,
              "there is no memory for " + std::to_string(size) +
                  " bytes: free some, or hold less of it at once: pull a range, chunk by chunk in content "
                  "order, or into a file; expose a file");
}

}  // namespace

Result<std::shared_ptr<HeapRegion>> HeapRegion::make(std::uint64_t size) {
  auto* const bytes = size <= PTRDIFF_MAX ? new (std::nothrow) std::byte[size] : nullptr;
  if (bytes == nullptr) return no_memory(size);
  return std::shared_ptr<HeapRegion>(
      new HeapRegion({bytes, std::default_delete<std::byte[]>()}, static_cast<std::size_t>(size)));
}

Result<std::shared_ptr<HeapRegion>> HeapRegion::make_sparse(std::uint64_t capacity) {
  if (capacity == 0) return make(0);
  void* const memory = capacity <= PTRDIFF_MAX ? ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE,
                                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                                               : MAP_FAILED;
  if (memory == MAP_FAILED) return no_memory(capacity);
  const auto size = static_cast<std::size_t>(capacity);
  const auto unmap = [size](std::byte* bytes) { ::munmap(bytes, size); };
  return std::shared_ptr<HeapRegion>(new HeapRegion({static_cast<std::byte*>(memory), unmap}, size));
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
