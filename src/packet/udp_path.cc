#include "packet/udp_path.h"

#include <algorithm>
#include <array>

#include "core/crypto.h"

namespace rgtp::packet {

namespace {

constexpr int max_batches_per_wakeup = 16;
constexpr Duration min_reconnect_interval = std::chrono::milliseconds(250);

std::uint64_t random_pull_id() {
  std::uint64_t id = 0;
  core::fill_random(std::as_writable_bytes(std::span(&id, 1)));
  return id;
}

SocketOptions socket_options(const UdpOptions& options) {
  return {.receive_buffer_bytes = options.receive_buffer_bytes, .offload = options.offload};
}

Path::Options path_options(const UdpOptions& options, const UdpSocket& socket) {
  Path::Options path;
  path.ip = socket.ip_version();
  path.mtu = options.mtu != 0 ? options.mtu : socket.path_mtu();
  path.receive_buffer = socket.receive_buffer();
  return path;
}

}  // namespace

Result<std::shared_ptr<UdpPath>> UdpPath::open(const UdpOptions& options, EventLoop& loop,
                                               ReceiveBatch& batch, const Address& remote) {
  auto socket = UdpSocket::connect(remote, socket_options(options));
  if (!socket) return fail(std::move(socket).error());
  std::shared_ptr<UdpPath> path(new UdpPath(options, loop, batch, remote, std::move(*socket)));
  if (auto watched = path->watch_socket(); !watched) return fail(std::move(watched).error());
  return path;
}

UdpPath::UdpPath(const UdpOptions& options, EventLoop& loop, ReceiveBatch& batch, const Address& remote,
                 UdpSocket socket)
    : options_(options),
      loop_(loop),
      batch_(batch),
      remote_(remote),
      socket_(std::move(socket)),
      path_(path_options(options, socket_)),
      timer_(loop.timer([this] { on_timer(); })) {}

Result<void> UdpPath::watch_socket() {
  auto watch = loop_.watch(socket_.descriptor(), [this](Watch::Ready) { on_readable(); });
  if (!watch) return fail(std::move(watch).error());
  watch_ = std::move(*watch);
  return {};
}

PullerEngine* UdpPath::add(const SurfaceId& id, Sink& sink) {
  const PullerEngine::Options options{id, random_pull_id(), options_.idle_timeout};
  auto engine = std::make_unique<PullerEngine>(loop_.now(), options, path_, sink);
  PullerEngine* const added = engine.get();
  engines_.emplace(options.pull_id, std::move(engine));
  turns_.push_back(added);
  pump();
  return added;
}

void UdpPath::remove(PullerEngine* engine) {
  std::erase(turns_, engine);
  engines_.erase(engine->pull_id());
  pump();  // there is room in the window for others now
}

void UdpPath::on_readable() {
  for (int i = 0; i < max_batches_per_wakeup; ++i) {
    const IoStatus status = socket_.receive(batch_, [&](const Received& received) {
      const auto prefix = parse_prefix(received.bytes);
      const auto engine = prefix ? engines_.find(prefix->pull_id) : engines_.end();
      if (engine != engines_.end()) engine->second->handle_datagram(received.arrived, received.bytes);
    });
    if (status == IoStatus::would_block) break;
    if (status == IoStatus::refused) for_each_engine_unreachable();
    if (status == IoStatus::failed) {
      reconnect();
      break;
    }
  }
  pump();
}

void UdpPath::for_each_engine_unreachable() {
  for (PullerEngine* const engine : turns_) engine->handle_unreachable(loop_.now());
}

void UdpPath::on_timer() {
  const TimePoint now = loop_.now();
  for (PullerEngine* const engine : turns_) engine->handle_timeout(now);
  pump();
}

void UdpPath::pump() {
  std::array<std::byte, PullerEngine::max_transmit_bytes> datagram;
  const TimePoint now = loop_.now();
  // Fair turns: one datagram each, until a whole round had nothing to send.
  for (std::size_t nothing = 0; nothing < turns_.size();) {
    turn_ = (turn_ + 1) % turns_.size();
    const std::size_t size = turns_[turn_]->poll_transmit(now, datagram);
    if (size == 0) {
      ++nothing;
      continue;
    }
    nothing = 0;
    // What cannot be sent now counts as lost on its way, and is asked for again.
    const IoStatus status = socket_.send(std::span(datagram).first(size));
    if (status == IoStatus::refused) for_each_engine_unreachable();
    if (status == IoStatus::failed) reconnect();
  }
  arm_timer();
}

// Our own address may have changed, or the route: a fresh socket goes by what holds now.
void UdpPath::reconnect() {
  const TimePoint now = loop_.now();
  if (now < reconnected_ + min_reconnect_interval) return;
  reconnected_ = now;
  auto socket = UdpSocket::connect(remote_, socket_options(options_));
  if (!socket) return;
  watch_.reset();
  socket_ = std::move(*socket);
  if (!watch_socket() && options_.log)
    options_.log(LogLevel::error, "cannot watch a new socket: pulls from there will time out");
}

void UdpPath::arm_timer() {
  const TimePoint now = loop_.now();
  TimePoint next = TimePoint::max();
  for (PullerEngine* const engine : turns_) next = std::min(next, engine->poll_timeout(now));
  if (next == TimePoint::max())
    timer_->disarm();
  else
    timer_->arm(next);
}

}  // namespace rgtp::packet
