// One bit a chunk, set once and never cleared, safe to set and to read from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace rgtp::core {

using BitmapWord = std::atomic<std::uint64_t>;
static_assert(sizeof(BitmapWord) == 8 && BitmapWord::is_always_lock_free,
              "words are shared between processes");

// How many words hold `bits` bits.
constexpr std::size_t bitmap_words(std::uint32_t bits) { return (std::size_t{bits} + 63) / 64; }

// Bits over words that may live elsewhere: on the heap here, in a segment's pages for the memory transport.
// What was written before set() is seen by whoever sees the bit.
class ChunkBitmap {
 public:
  // All clear, on the heap.
  explicit ChunkBitmap(std::uint32_t bits);
  // Over words that outlive this object: bitmap_words(bits) of them.
  ChunkBitmap(std::span<BitmapWord> words, std::uint32_t bits);

  std::uint32_t size() const { return bits_; }
  // False where the bit was set already.
  bool set(std::uint32_t bit);
  bool test(std::uint32_t bit) const;
  // Bits 64 * index to 64 * index + 63; 0 for those behind the last.
  std::uint64_t word(std::uint32_t index) const;
  // Set bits among all: a scan.
  std::uint32_t count() const;
  // The first clear (set) bit in [from, end); nothing where there is none.
  std::optional<std::uint32_t> next_clear(std::uint32_t from, std::uint32_t end) const;
  std::optional<std::uint32_t> next_set(std::uint32_t from, std::uint32_t end) const;

 private:
  template <bool Set>
  std::optional<std::uint32_t> next(std::uint32_t from, std::uint32_t end) const;

  std::unique_ptr<BitmapWord[]> own_;
  std::span<BitmapWord> words_;
  std::uint32_t bits_;
};

}  // namespace rgtp::core
