#include "packet/request_writer.h"

#include <algorithm>
#include <utility>

#include "packet/picker.h"
#include "packet/slicing.h"

namespace rgtp::packet {

using namespace std::chrono_literals;

std::size_t RequestWriter::write_hello(TimePoint now, std::uint32_t slices_wanted,
                                       std::uint16_t slice_capacity, std::span<std::byte> out) {
  Hello hello;
  hello.pull_id = pull_id_;
  hello.timestamp = stamp(now);
  hello.slice_capacity = slice_capacity;
  hello.slices_wanted = slices_wanted;
  hello.id = id_;
  hello.cookie = path_.cookie(now);
  return finish(encode(hello, out), out);
}

std::size_t RequestWriter::write_poll(TimePoint now, std::uint32_t published, WordRange words,
                                      std::span<std::byte> out) {
  Poll poll;
  poll.pull_id = pull_id_;
  poll.timestamp = stamp(now);
  poll.published = published;
  poll.words = words;
  const RttEstimator& rtt = path_.rtt();
  if (rtt.has_sample()) poll.rtt_us = static_cast<std::uint32_t>(rtt.smoothed() / 1us);
  poll.id = id_;
  poll.cookie = path_.cookie(now);
  return finish(encode(poll, out), out);
}

// No more than what DATA that the path carries has room for, and than what every path does: nothing would
// tell that the answers are too long.
std::uint16_t RequestWriter::most_words() const {
  const std::size_t longest = header_bytes + std::min(path_.slice_capacity(), fallback_slice_capacity);
  return static_cast<std::uint16_t>(announce_words_in(longest));
}

std::size_t RequestWriter::write_pull(TimePoint now, std::uint64_t first_ask, std::uint16_t slice_bytes,
                                      const std::vector<SliceId>& slices, std::span<std::byte> out) {
  PullRequest request;
  request.pull_id = pull_id_;
  request.timestamp = stamp(now);
  request.first_ask = static_cast<std::uint32_t>(first_ask);
  request.slice_bytes = slice_bytes;
  request.id = id_;
  request.cookie = asked_with_ = path_.cookie(now);
  Picker::to_runs(slices, request);
  return finish(encode(request, out), out);
}

std::uint32_t RequestWriter::stamp(TimePoint now) { return newest_stamp_ = encode_timestamp(now); }

std::size_t RequestWriter::finish(std::size_t size, std::span<std::byte> out) {
  seal_datagram(out.first(size));
  sent_.bytes += static_cast<std::uint32_t>(size);
  ++sent_.datagrams;
  return size;
}

void RequestWriter::tell_sent() {
  if (sent_.datagrams > 0) observer_.on_event(std::exchange(sent_, event::DatagramSent{0, 0}));
}

}  // namespace rgtp::packet
