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
  path.congestion = options.congestion;
  path.fixed_rate = options.fixed_rate;
  // Loopback carries more than a datagram of ours ever has. What the kernel knows of other paths is their
  // first link, and what an ICMP message said, which anybody can forge: it may only bound the search.
  constexpr std::uint32_t longest = max_datagram_bytes;
  constexpr std::uint32_t least_link = 1500;
  const std::uint32_t known = socket.path_mtu();
  path.mtu = known > longest ? longest : fallback_mtu;
  path.max_mtu = std::clamp(known, least_link, longest);
  if (options.mtu != 0) path.mtu = path.max_mtu = options.mtu;
  // Half of this may be asked for beside what the path holds: two packets, however small the buffer is.
  path.receive_buffer = std::max<std::uint64_t>(socket.receive_buffer(), std::uint64_t{4} * path.mtu);
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
      drains_(socket_.receive_buffer()),
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
  turns_.push_back({added, &sink.observer()});
  pump_soon();
  return added;
}

void UdpPath::remove(PullerEngine* engine) {
  std::erase_if(turns_, [&](const Turn& turn) { return turn.engine == engine; });
  if (last_heard_ == engine) last_heard_ = nullptr;
  engines_.erase(engine->pull_id());
  pump_soon();  // there is room in the window for others now
}

void UdpPath::on_readable() {
  drain();
  pump();
}

void UdpPath::on_timer() {
  // Whatever the timer is for: it saves a wake-up later.
  if (next_drain_ != TimePoint::max()) drain();
  const TimePoint now = loop_.now();
  for (const Turn& turn : turns_) turn.engine->handle_timeout(now);
  const auto is_silent = [](const Turn& turn) { return turn.engine->is_silent(); };
  if (std::ranges::any_of(turns_, is_silent) && silence_.is_due(now, path_.answer_time())) {
    silence_.on_tried();
    reconnect();
  }
  pump();
}

void UdpPath::drain() {
  DrainSchedule::Drain drained;
  bool heard = false;  // something of a pull's
  bool emptied = false;
  for (int i = 0; i < max_batches_per_wakeup && !emptied; ++i) {
    const IoStatus status = socket_.receive(batch_, [&](const Received& received) {
      ++drained.datagrams;
      drained.bytes += received.bytes.size();
      heard = hand_over(received) || heard;
    });
    if (status != IoStatus::done) on_trouble(status);
    emptied = status == IoStatus::would_block || status == IoStatus::failed ||
              (status == IoStatus::done && !batch_.is_full());
    // At the highest rates what is asked for has to go on while more arrives.
    if (!emptied) send_what_is_due();
  }
  tell_drops();
  drained.now = loop_.now();
  if (heard) silence_.on_heard(drained.now);
  drained.rtt = path_.rtt().has_sample() ? path_.rtt().smoothed() : Duration{};
  rest_for(emptied ? drains_.on_drain(drained) : Duration{});
}

bool UdpPath::hand_over(const Received& received) {
  const auto prefix = parse_prefix(received.bytes);
  if (!prefix) return false;
  if (last_heard_ == nullptr || last_heard_->pull_id() != prefix->pull_id) {
    const auto found = engines_.find(prefix->pull_id);
    if (found == engines_.end()) return false;
    last_heard_ = found->second.get();
  }
  last_heard_->handle_datagram(received.arrived, received.bytes, received.mark);
  return true;
}

void UdpPath::on_trouble(IoStatus status) {
  if (status == IoStatus::refused)
    for (const Turn& turn : turns_) turn.engine->handle_unreachable(loop_.now());
  if (status == IoStatus::failed) reconnect();
}

void UdpPath::rest_for(Duration rest) {
  const bool rests = rest > Duration{};
  next_drain_ = rests ? loop_.now() + rest : TimePoint::max();
  if (watch_ != nullptr) watch_->set_interest(rests ? Interest::none : Interest::readable);
}

// The socket is all pulls': so are its losses.
void UdpPath::tell_drops() {
  const std::uint32_t drops = socket_.drops_since_last();
  if (drops == 0) return;
  for (const Turn& turn : turns_) turn.observer->on_event(event::SocketDropped{drops});
}

// Every engine is looked at: with many pulls, each of which begins and ends, that is not to be done for each.
void UdpPath::pump_soon() {
  if (std::exchange(pumps_soon_, true)) return;
  (void)loop_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->pumps_soon_ = false;
    self->pump();
  });
}

void UdpPath::pump() {
  send_what_is_due();
  arm_timer();
}

void UdpPath::send_what_is_due() {
  const TimePoint now = loop_.now();
  const auto flush = [&] { outbox_.flush(socket_, [this](IoStatus status) { on_trouble(status); }); };
  // Fair turns: one datagram each, until a whole round had nothing to send.
  for (std::size_t nothing = 0; nothing < turns_.size();) {
    turn_ = (turn_ + 1) % turns_.size();
    const std::size_t size = turns_[turn_].engine->poll_transmit(now, outbox_.next());
    if (size == 0) {
      ++nothing;
      continue;
    }
    nothing = 0;
    outbox_.add(size);
    if (outbox_.is_full()) flush();
  }
  if (!outbox_.empty()) flush();
}

void UdpPath::reconnect() {
  const TimePoint now = loop_.now();
  if (now < reconnected_ + min_reconnect_interval) return;
  reconnected_ = now;
  auto socket = UdpSocket::connect(remote_, socket_options(options_));
  if (!socket) return;
  silence_.on_new_socket(now);
  watch_.reset();
  socket_ = std::move(*socket);
  // It was given to the old address. A HELLO draws a new one from every exposer; REFUSE(retry), which a
  // request with a stale one would draw, goes to a few in a second only.
  path_.set_cookie(Cookie{}, now, Duration{});
  for (const Turn& turn : turns_) turn.engine->handle_new_socket();
  next_drain_ = TimePoint::max();
  if (!watch_socket() && options_.log)
    options_.log(LogLevel::error, "cannot watch a new socket: pulls from there will time out");
}

void UdpPath::arm_timer() {
  const TimePoint now = loop_.now();
  TimePoint next = next_drain_;
  for (const Turn& turn : turns_) next = std::min(next, turn.engine->poll_timeout(now));
  if (next == TimePoint::max())
    timer_->disarm();
  else
    timer_->arm(next);
}

}  // namespace rgtp::packet
