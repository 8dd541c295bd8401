#include "sim/exposer_host.h"

#include <algorithm>
#include <cstring>

namespace rgtp::test {

namespace {

std::array<std::byte, 32> secret_of(std::uint64_t seed) {
  std::array<std::byte, 32> secret{};
  std::memcpy(secret.data(), &seed, sizeof seed);
  return secret;
}

}  // namespace

ExposerHost::ExposerHost(Timeline& timeline, Packets& packets, const ExposerOptions& options,
                         std::uint64_t seed)
    : timeline_(timeline), packets_(packets), options_(options), engine_(secret_of(seed), {}) {}

packet::Peer ExposerHost::peer_of(std::uint32_t puller) {
  packet::Peer peer;
  peer.remote.ip[10] = peer.remote.ip[11] = std::byte{0xff};
  peer.remote.ip[12] = std::byte{10};
  peer.remote.ip[14] = static_cast<std::byte>((puller + 1) >> 8);
  peer.remote.ip[15] = static_cast<std::byte>(puller + 1);
  peer.remote.port = 4000;
  return peer;
}

std::uint32_t ExposerHost::puller_at(const packet::Peer& peer) {
  return (std::to_integer<std::uint32_t>(peer.remote.ip[14]) << 8) +
         std::to_integer<std::uint32_t>(peer.remote.ip[15]) - 1;
}

void ExposerHost::on_packet(Packet& packet) {
  engine_.handle_datagram(timeline_.now(), peer_of(packet.from), packet.payload);
  serve();
}

void ExposerHost::on_growth(const SurfaceId& id) {
  engine_.handle_growth(id);
  serve();
}

void ExposerHost::withdraw(const SurfaceId& id) {
  engine_.withdraw(id);
  serve();
}

void ExposerHost::serve() {
  if (serving_) return;
  if (options_.service_time == Duration{} && options_.rate <= 0) {
    while (send_train()) continue;
    return wake_for_news();
  }
  if (!engine_.has_work() && engine_.poll_timeout() > timeline_.now()) return wake_for_news();
  serving_ = true;
  timeline_.schedule(std::max(timeline_.now() + options_.service_time, free_at_), *this, What::send);
}

void ExposerHost::wake_for_news() {
  const TimePoint next = engine_.poll_timeout();
  if (next >= news_at_) return;
  news_at_ = next;
  timeline_.schedule(next, *this, What::tell);
}

void ExposerHost::on_due(std::uint64_t what) {
  if (what == What::tell) {
    news_at_ = TimePoint::max();
    return serve();
  }
  serving_ = false;
  send_train();
  serve();
}

bool ExposerHost::send_train() {
  if (!engine_.poll_transmit(timeline_.now(), train_)) return false;
  const Downlink& downlink = pullers_[puller_at(train_.peer())];
  note_wait(train_);
  std::uint64_t sent = 0;
  for (const auto& datagram : train_.datagrams()) {
    // All of a train are equally long: the first one fails as it would at a socket.
    if (datagram.size() + ip_udp_bytes > options_.mtu) {
      engine_.handle_too_large(timeline_.now(), train_);
      return true;
    }
    sent += datagram.size() + ip_udp_bytes;
    downlink.link->send(packets_.take(*downlink.puller, datagram.header, datagram.payload));
  }
  if (options_.rate <= 0) return true;
  const std::chrono::duration<double> takes(static_cast<double>(sent) / options_.rate);
  free_at_ = timeline_.now() + std::chrono::duration_cast<Duration>(takes);
  return true;
}

void ExposerHost::note_wait(const packet::Train& train) {
  if (train.datagrams().empty()) return;
  std::array<std::byte, packet::header_bytes + 1> beginning{};  // the shortest DATA that there is
  std::ranges::copy(train.datagrams().front().header, beginning.begin());
  const auto data = packet::parse_data(beginning);
  if (data) longest_wait_ = std::max(longest_wait_, packet::decode_service_delay(data->service_delay));
}

}  // namespace rgtp::test
