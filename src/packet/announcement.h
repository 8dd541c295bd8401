// What an exposer tells of a surface that grows, read from its store while the writer goes on.
#pragma once

#include <memory>
#include <optional>

#include <rgtp/store.h>

#include "packet/wire.h"

namespace rgtp::packet {

// How much of a surface is there.
struct Published {
  std::uint32_t chunks = 0;
  std::optional<std::uint64_t> final_size;
  EndTag end_tag{};

  // Behind the last chunk that there can be.
  std::uint32_t end_of(const Manifest& manifest) const;
  bool is_all_of(const Manifest& manifest) const { return chunks >= end_of(manifest); }
};

// The count of chunks is never ahead of the final size.
Published published_of(const Store& store);

// An ANNOUNCE that waits to be sent. It is read as late as that, so that it tells what is there by then.
struct Announcement {
  std::shared_ptr<const Store> store;
  std::uint64_t pull_id = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t known = 0;  // chunks that the puller says it knows of
  WordRange words;          // of the surface
  bool subscribed = false;  // the puller will be told of more unasked

  // Where it shows the chunk that holds the end, it shows the final size too. What it counts is among its
  // bits, as far as they reach.
  Announce read(std::uint16_t service_delay) const;
  // Every chunk of its words is published.
  bool shows_all() const;
};

}  // namespace rgtp::packet
