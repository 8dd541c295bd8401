#include "packet/answer_queue.h"

#include <algorithm>

namespace rgtp::packet {

namespace {

struct Encoder {
  std::uint16_t service_delay;
  std::span<std::byte> out;

  std::size_t operator()(ManifestAnswer& manifest) const {
    manifest.service_delay = service_delay;
    return encode(manifest, out);
  }
  std::size_t operator()(const Announcement& announcement) const {
    return encode(announcement.read(service_delay), out);
  }
  std::size_t operator()(const Refuse& refuse) const { return encode(refuse, out); }
};

}  // namespace

void AnswerQueue::push(Answer answer) {
  if (waiting_.size() < max_answers_) waiting_.push_back(std::move(answer));
}

void AnswerQueue::pop(TimePoint now, Train& train) {
  Answer next = std::move(waiting_.front());
  waiting_.pop_front();
  std::array<std::byte, max_announce_bytes> bytes;
  static_assert(manifest_datagram_bytes <= max_announce_bytes && refuse_bytes <= max_announce_bytes);
  const std::size_t size = std::visit(Encoder{encode_service_delay(now - next.asked), bytes}, next.message);
  seal_datagram(std::span(bytes).first(size));
  train.begin(next.peer, nullptr);
  Train::Datagram& datagram = train.add();
  std::copy_n(bytes.begin(), header_bytes, datagram.header.begin());
  const auto payload = train.take_scratch(size - header_bytes);
  std::copy_n(bytes.begin() + header_bytes, payload.size(), payload.begin());
  datagram.payload = payload;
  if (next.observer != nullptr)
    next.observer->on_event(event::DatagramSent{static_cast<std::uint32_t>(size)});
}

void AnswerQueue::drop(const Store* store) {
  std::erase_if(waiting_, [&](const Answer& waiting) {
    const auto* const announcement = std::get_if<Announcement>(&waiting.message);
    return announcement != nullptr && announcement->store.get() == store;
  });
}

}  // namespace rgtp::packet
