#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <system_error>
#include <vector>

#include <sys/mman.h>
#include <sys/prctl.h>

#include <rgtp/key.h>

#include "core/crypto.h"
#include "core/per_process.h"

namespace rgtp {

namespace {

// Pages cut into slots of a key's size. Taken for good: a process has few keys at a time, and each page holds
// 128 of them.
class KeyMemory {
 public:
  std::byte* take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) add_page();
    std::byte* const slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void give_back(std::byte* slot) {
    wipe(std::span(slot, Key::size));
    const std::lock_guard lock(mutex_);
    free_.push_back(slot);
  }

 private:
  static constexpr std::size_t page_bytes = 4096;

  void add_page() {
    void* const memory =
        ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();  // no page is to be had: nothing else would go on either
    // Kernels before 4.14 do not wipe in a fork: a child then keeps what its parent had at that moment.
    (void)::madvise(memory, page_bytes, MADV_DONTDUMP);
    (void)::madvise(memory, page_bytes, MADV_WIPEONFORK);
    auto* const bytes = static_cast<std::byte*>(memory);
    for (std::size_t at = 0; at < page_bytes; at += Key::size) free_.push_back(bytes + at);
  }

  std::mutex mutex_;
  std::vector<std::byte*> free_;
};

std::shared_ptr<std::byte> take_slot() {
  auto& memory = core::of_this_process<KeyMemory>();
  // In a forked child its parent's slots are zeroed, and its parent's lock may be held for ever.
  return {memory.take(), [&memory, generation = core::process_generation()](std::byte* slot) {
            if (generation == core::process_generation()) memory.give_back(slot);
          }};
}

}  // namespace

Key::Key(std::span<const std::byte, size> bytes) : bytes_(take_slot()) {
  std::memcpy(bytes_.get(), bytes.data(), size);
}

Key Key::random() {
  auto slot = take_slot();
  core::fill_secret(std::span(slot.get(), size));
  return Key(std::move(slot));
}

// Not inline: g++ 12 loses track of an optional Key's state and warns in the user's code where it can see
// these.
Key::Key(const Key&) = default;
Key::Key(Key&&) noexcept = default;
Key& Key::operator=(const Key&) = default;
Key& Key::operator=(Key&&) noexcept = default;
Key::~Key() = default;

bool operator==(const Key& a, const Key& b) { return core::equal_in_constant_time(a.bytes(), b.bytes()); }

void wipe(std::span<std::byte> bytes) { core::wipe_memory(bytes); }

void wipe(std::string& text) {
  text.resize(text.capacity());
  core::wipe_memory(std::as_writable_bytes(std::span(text.data(), text.size())));
  text.clear();
}

Result<void> keep_out_of_dumps() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) return {};
  return fail(Errc::io_error, "the kernel does not keep this process out of core dumps: " +
                                  std::generic_category().message(errno));
}

}  // namespace rgtp
