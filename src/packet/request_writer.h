// Writes what a pull sends, HELLO, POLL and PULL, with all that its requests have in common: whose they are,
// when they were sent, the path's cookie, the check.
//
//     const std::size_t size = writer.write_hello(now, slices_wanted, out);
#pragma once

#include <span>
#include <vector>

#include <rgtp/observer.h>

#include "packet/path.h"
#include "packet/wire.h"

namespace rgtp::packet {

class RequestWriter {
 public:
  // The longest of them.
  static constexpr std::size_t max_bytes = pull_base_bytes + max_runs * run_bytes;
  static_assert(max_bytes >= hello_bytes && max_bytes >= poll_bytes);

  // `path` and `observer` outlive it.
  RequestWriter(std::uint64_t pull_id, const SurfaceId& id, const Path& path, Observer& observer)
      : pull_id_(pull_id), id_(id), path_(path), observer_(observer) {}

  // Each returns the datagram's length; `out` has max_bytes. The numbers are those of Hello.
  std::size_t write_hello(TimePoint now, std::uint32_t slices_wanted, std::uint16_t slice_capacity,
                          std::span<std::byte> out);
  // `published`: how many chunks are known to be. At most most_words() words.
  std::size_t write_poll(TimePoint now, std::uint32_t published, WordRange words, std::span<std::byte> out);
  std::uint16_t most_words() const;
  // For these slices, which fit into max_runs runs, under ask numbers from `first_ask` on.
  std::size_t write_pull(TimePoint now, std::uint64_t first_ask, std::uint16_t slice_bytes,
                         const std::vector<SliceId>& slices, std::span<std::byte> out);

  // Tells the observer of what was written since it was told last: a batch.
  void tell_sent();

  // Whether it is no later than what was written last: an answer to what was never asked is nobody's.
  bool may_have_written(std::uint32_t timestamp) const {
    return static_cast<std::int32_t>(timestamp - newest_stamp_) <= 0;
  }
  // The last PULL's cookie.
  const Cookie& asked_with() const { return asked_with_; }

 private:
  std::uint32_t stamp(TimePoint now);
  std::size_t finish(std::size_t size, std::span<std::byte> out);

  const std::uint64_t pull_id_;
  const SurfaceId id_;
  const Path& path_;
  Observer& observer_;
  Cookie asked_with_{};
  std::uint32_t newest_stamp_ = 0;
  event::DatagramSent sent_{0, 0};  // since tell_sent()
};

}  // namespace rgtp::packet
