// The keys of sealed surfaces, and what keeps them to this process.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <rgtp/error.h>

namespace rgtp {

// 32 secret bytes. A value, of which nothing is left where it was moved from: copies share the bytes, which
// stand in memory that core dumps leave out (MADV_DONTDUMP), that a forked child finds zeroed
// (MADV_WIPEONFORK), and that is wiped when the last copy goes. What is not covered: swap, a debugger of this
// user (see keep_out_of_dumps()), and OpenSSL's own memory, which holds keys derived from this one while a
// surface is sealed or pulled.
class RGTP_EXPORT Key {
 public:
  static constexpr std::size_t size = 32;

  // Copies them: wipe() the original.
  explicit Key(std::span<const std::byte, size> bytes);
  // From the operating system's random source.
  static Key random();
  Key(const Key&);
  Key(Key&&) noexcept;
  Key& operator=(const Key&);
  Key& operator=(Key&&) noexcept;
  ~Key();

  std::span<const std::byte, size> bytes() const {
    return std::span<const std::byte, size>(bytes_.get(), size);
  }
  // In a time that does not depend on the contents.
  friend RGTP_EXPORT bool operator==(const Key& a, const Key& b);

 private:
  explicit Key(std::shared_ptr<std::byte> slot) : bytes_(std::move(slot)) {}

  std::shared_ptr<std::byte> bytes_;
};

// Zeros that no optimiser leaves out; a string is empty afterwards, its whole buffer zeroed.
RGTP_EXPORT void wipe(std::span<std::byte> bytes);
RGTP_EXPORT void wipe(std::string& text);

// Has the kernel write no core dump of this process, and let no other process of this user look into it or
// trace it (prctl(2), PR_SET_DUMPABLE); root still may. For the whole process, so a library does not do it by
// itself; `rgtp` does where it handles a key. io_error.
[[nodiscard]] RGTP_EXPORT Result<void> keep_out_of_dumps();

}  // namespace rgtp
