#include "packet/train_filler.h"

#include <algorithm>

namespace rgtp::packet {

Result<Filled> fill_train(const Request& request, TimePoint now, Train& train) {
  train.begin(request.peer, request.store);
  const Store& store = *request.store;
  const std::uint16_t slice_bytes = request.pull.slice_bytes;
  const auto memory = store.mapped();
  Data data{
      .pull_id = request.pull.pull_id, .ask = request.pull.first_ask, .timestamp = request.pull.timestamp};
  data.service_delay = encode_service_delay(now - request.arrived);
  for (const Run& run : request.pull.asked()) {
    if (!store.has(run.chunk)) {
      data.ask += run.count;
      continue;
    }
    // Whole slices of the chunk's bytes are sent from where they are; the rest is put together beside it.
    const std::uint32_t whole_slices =
        memory.empty() ? 0 : store.manifest().length_of(run.chunk) / slice_bytes;
    for (std::uint32_t slice = run.first; slice < std::uint32_t{run.first} + run.count;) {
      const std::uint32_t offset = slice * slice_bytes;
      std::span<const std::byte> payloads;
      std::uint32_t count = run.first + run.count - slice;
      if (slice < whole_slices) {
        count = std::min(count, whole_slices - slice);
        payloads =
            memory.subspan(store.manifest().offset_of(run.chunk) + offset, std::size_t{count} * slice_bytes);
      } else {
        const auto scratch = train.take_scratch(std::size_t{count} * slice_bytes);
        const auto read = store.read(run.chunk, offset, scratch, ReadMode::cached_only);
        if (!read) return fail(read.error());
        if (*read == ReadStatus::would_block) return Filled::blocked;
        payloads = scratch;
      }
      for (std::uint32_t i = 0; i < count; ++i, ++slice, ++data.ask) {
        data.chunk = run.chunk;
        data.slice = static_cast<std::uint16_t>(slice);
        Train::Datagram& datagram = train.add();
        datagram.payload = payloads.subspan(std::size_t{i} * slice_bytes, slice_bytes);
        encode(data, datagram.header);
        seal_datagram(datagram.header, datagram.payload);
      }
    }
  }
  return train.datagrams().empty() ? Filled::nothing : Filled::yes;
}

}  // namespace rgtp::packet
