#include "packet/availability.h"

#include <algorithm>
#include <bit>

#include "core/bitmap.h"
#include "packet/slicing.h"

namespace rgtp::packet {

namespace {

tl::unexpected<Error> malformed(const char* text) { return fail(Errc::malformed_data, text); }

// The first set bit in [from, end) of words that `at` gives; nothing where there is none.
template <class At>
std::optional<ChunkIndex> first_set(std::uint32_t from, std::uint32_t end, At at) {
  while (from < end) {
    const std::uint64_t word = at(from / word_chunks) & ~std::uint64_t{0} << (from % word_chunks);
    from -= from % word_chunks;
    if (word != 0) {
      const std::uint32_t found = from + static_cast<std::uint32_t>(std::countr_zero(word));
      return found < end ? std::optional(ChunkIndex{found}) : std::nullopt;
    }
    from += word_chunks;
  }
  return std::nullopt;
}

}  // namespace

Result<void> Availability::begin(const Manifest& manifest, std::uint32_t published,
                                 std::optional<std::uint64_t> final_size) {
  *this = Availability();
  manifest_size_ = manifest.size;
  manifest_chunks_ = manifest.chunk_count();
  chunk_bytes_ = manifest.chunk_bytes;
  size_pending_ = manifest.size_pending;
  end_ = ChunkIndex{manifest_chunks_};
  if (auto taken = on_manifest(published, final_size); !taken || complete_) return taken;
  available_.resize(core::bitmap_words(manifest_chunks_));
  fresh_.resize(available_.size());
  return {};
}

Result<void> Availability::on_manifest(std::uint32_t published, std::optional<std::uint64_t> final_size) {
  if (published > manifest_chunks_) return malformed("the exposer counts more chunks than the surface has");
  if (final_size) {
    if (auto set = set_final_size(*final_size); !set) return set;
  }
  published_ = std::max(published_, published);
  complete_if_all_published();
  return {};
}

Result<void> Availability::set_final_size(std::uint64_t size) {
  if (size > manifest_size_ || (!size_pending_ && size != manifest_size_))
    return malformed("the exposer names a final size that cannot be");
  if (final_size_ && *final_size_ != size)
    return malformed("the exposer names another final size than before");
  final_size_ = size;
  end_ = ChunkIndex{Manifest::chunks_in(size, chunk_bytes_)};
  return {};
}

bool Availability::contradicts(const Announce& announce) const {
  const std::uint32_t words = static_cast<std::uint32_t>(core::bitmap_words(manifest_chunks_));
  if (announce.words.end() > words) return true;
  const std::uint32_t rest = manifest_chunks_ % word_chunks;
  if (announce.words.end() == words && rest != 0 && announce.bits().back() >> rest != 0) return true;
  return announce.published_to > manifest_chunks_;
}

Result<Availability::News> Availability::on_announce(const Announce& announce) {
  if (contradicts(announce)) return News::ignored;
  if (announce.final_size_known) {
    if (auto set = set_final_size(announce.final_size); !set) return fail(std::move(set).error());
  }
  if (complete_) return News::none;
  News news = announce.published_to > published_ ? News::count : News::none;
  if (announce.published_from > published_) news = News::gap;
  // An older one, or a lie before it: its bits hold all the same.
  published_ = std::max(published_, announce.published_to);
  for (std::size_t i = 0; i < announce.words.count; ++i)
    if (add(announce.words.first + i, announce.bitmap[i])) news = News::chunks;
  complete_if_all_published();
  return complete_ ? News::chunks : news;
}

bool Availability::add(std::size_t word, std::uint64_t bits) {
  const std::uint64_t added = bits & ~available_[word];
  if (added == 0) return false;
  available_[word] |= added;
  fresh_[word] |= added;
  const std::size_t first = word * word_chunks + static_cast<std::size_t>(std::countr_zero(added));
  untaken_ = std::min(untaken_, static_cast<std::uint32_t>(first));
  return true;
}

void Availability::complete_if_all_published() {
  if (complete_ || published_ < end_.value) return;
  complete_ = true;
  for (std::size_t word = 0; word < available_.size(); ++word) add(word, ~std::uint64_t{0});
}

std::optional<ChunkIndex> Availability::next_missing(ChunkRange chunks) const {
  // All that there can be is there, and who hides where it ends would have the last chunk taken for a full
  // one.
  const bool lacks_its_end = size_pending_ && !final_size_;
  if (complete_ && lacks_its_end && chunks.size() > 0)
    return ChunkIndex{std::min(chunks.end, end_).value - 1};
  if (complete_) return std::nullopt;
  return first_set(chunks.first.value, std::min(chunks.end, end_).value,
                   [this](std::size_t word) { return ~available_[word]; });
}

std::optional<ChunkIndex> Availability::next_fresh(ChunkRange chunks) const {
  const std::uint32_t first = std::max(chunks.first.value, untaken_);
  const std::uint32_t end = std::min(chunks.end, end_).value;
  if (fresh_.empty()) return complete_ && first < end ? std::optional(ChunkIndex{first}) : std::nullopt;
  return first_set(first, end, [this](std::size_t word) { return fresh_[word]; });
}

void Availability::take(ChunkIndex chunk) {
  if (!fresh_.empty())
    fresh_[chunk.value / word_chunks] &= ~(std::uint64_t{1} << (chunk.value % word_chunks));
  untaken_ = chunk.value + 1;
}

}  // namespace rgtp::packet
