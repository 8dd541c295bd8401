#include "packet/announcement.h"

#include <algorithm>

#include "packet/slicing.h"

namespace rgtp::packet {

std::uint32_t Published::end_of(const Manifest& manifest) const {
  return final_size ? Manifest::chunks_in(*final_size, manifest.chunk_bytes) : manifest.chunk_count();
}

Published published_of(const Store& store) {
  Published published;
  published.chunks = store.published();
  published.final_size = store.final_size();
  if (published.final_size) published.end_tag = store.end_tag();
  return published;
}

bool Announcement::shows_all() const {
  for (std::uint32_t word = words.first; word < words.end(); ++word) {
    const std::uint32_t chunks = store->manifest().chunk_count() - word * word_chunks;
    const std::uint64_t all = chunks < word_chunks ? (std::uint64_t{1} << chunks) - 1 : ~std::uint64_t{0};
    if (store->has_word(word) != all) return false;
  }
  return true;
}

Announce Announcement::read(std::uint16_t service_delay) const {
  Announce announce;
  announce.pull_id = pull_id;
  announce.timestamp = timestamp;
  announce.service_delay = service_delay;
  announce.words = words;
  announce.subscribed = subscribed;
  // In this order: a store publishes a chunk before it counts it, and knows its size before either.
  announce.published_to = store->published();
  for (std::uint32_t i = 0; i < words.count; ++i) announce.bitmap[i] = store->has_word(words.first + i);
  const auto final_size = store->final_size();
  announce.final_size_known = final_size.has_value();
  announce.final_size = final_size.value_or(0);
  if (final_size) announce.end_tag = store->end_tag();
  // A puller that claims to know more than there is has it from somebody else.
  announce.published_from = std::min(known, announce.published_to);
  return announce;
}

}  // namespace rgtp::packet
