#include "core/bitmap.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace rgtp::core {

ChunkBitmap::ChunkBitmap(std::uint32_t bits)
    : own_(std::make_unique<BitmapWord[]>(bitmap_words(bits))),
      words_(own_.get(), bitmap_words(bits)),
      bits_(bits) {}

ChunkBitmap::ChunkBitmap(std::span<BitmapWord> words, std::uint32_t bits) : words_(words), bits_(bits) {
  assert(words.size() == bitmap_words(bits));
}

bool ChunkBitmap::set(std::uint32_t bit) {
  assert(bit < bits_);
  const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
  return (words_[bit / 64].fetch_or(mask, std::memory_order_release) & mask) == 0;
}

bool ChunkBitmap::test(std::uint32_t bit) const {
  assert(bit < bits_);
  return (words_[bit / 64].load(std::memory_order_acquire) >> (bit % 64) & 1) != 0;
}

std::uint64_t ChunkBitmap::word(std::uint32_t index) const {
  assert(index < words_.size());
  const std::uint32_t bits = bits_ - index * 64;
  // The memory may be others' too, who write there what they like.
  const std::uint64_t ours = bits < 64 ? (std::uint64_t{1} << bits) - 1 : ~std::uint64_t{0};
  return words_[index].load(std::memory_order_acquire) & ours;
}

std::uint32_t ChunkBitmap::count() const {
  std::uint32_t set = 0;
  for (const BitmapWord& word : words_)
    set += static_cast<std::uint32_t>(std::popcount(word.load(std::memory_order_acquire)));
  return set;
}

template <bool Set>
std::optional<std::uint32_t> ChunkBitmap::next(std::uint32_t from, std::uint32_t end) const {
  end = std::min(end, bits_);
  while (from < end) {
    std::uint64_t word = words_[from / 64].load(std::memory_order_acquire);
    if constexpr (!Set) word = ~word;
    word &= ~std::uint64_t{0} << (from % 64);
    const std::uint32_t base = from - from % 64;
    if (word != 0) {
      const std::uint32_t found = base + static_cast<std::uint32_t>(std::countr_zero(word));
      return found < end ? std::optional(found) : std::nullopt;
    }
    from = base + 64;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> ChunkBitmap::next_clear(std::uint32_t from, std::uint32_t end) const {
  return next<false>(from, end);
}

std::optional<std::uint32_t> ChunkBitmap::next_set(std::uint32_t from, std::uint32_t end) const {
  return next<true>(from, end);
}

}  // namespace rgtp::core
