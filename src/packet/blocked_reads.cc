#include "packet/blocked_reads.h"

#include <cassert>
#include <vector>

namespace rgtp::packet {

void BlockedRead::read_ahead() const {
  // What is read is thrown away: the page cache keeps it for the train. An error shows itself there again.
  std::vector<std::byte> bytes;
  for (const Run& run : request.pull.asked()) {
    bytes.resize(std::size_t{run.count} * request.pull.slice_bytes);
    (void)request.store->read(run.chunk, std::uint32_t{run.first} * request.pull.slice_bytes, bytes,
                              ReadMode::may_block);
  }
}

std::optional<BlockedRead> BlockedReads::poll() {
  if (waiting_.empty()) return std::nullopt;
  BlockedRead read{std::move(waiting_.front())};
  waiting_.pop_front();
  ++reading_;
  return read;
}

void BlockedReads::done() {
  assert(reading_ > 0);
  --reading_;
}

void BlockedReads::drop(const Store* store) {
  std::erase_if(waiting_, [&](const Request& request) { return request.store.get() == store; });
}

}  // namespace rgtp::packet
