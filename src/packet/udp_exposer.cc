#include "packet/udp_exposer.h"

#include <utility>

#include <rgtp/key.h>

#include "packet/socket_address.h"

namespace rgtp::packet {

namespace {

// A kernel buffer of requests is a queue that nobody sees: it stays small and is emptied at every wake-up.
constexpr std::uint32_t request_buffer_bytes = 256 * 1024;
constexpr int max_batches_at_once = 64;
// Looks for new requests after this many trains: a fraction of a millisecond of sending.
constexpr int trains_at_once = 4;
constexpr Duration longest_turn = std::chrono::milliseconds(2);

ExposerLimits limits_for(const UdpOptions& options, IpVersion version) {
  ExposerLimits limits;
  limits.prefix_bytes_per_second = options.most_rate_per_network;
  limits.total_bytes_per_second = options.most_rate;
  if (options.mtu != 0) limits.slice_capacity = slice_capacity_of(options.mtu, version);
  return limits;
}

}  // namespace

Result<std::shared_ptr<UdpExposer>> UdpExposer::open(const UdpOptions& options, EventLoop& loop,
                                                     ReceiveBatch& batch) {
  const auto address = parse_bind(options.bind);
  if (!address) return fail(address.error());
  auto socket =
      UdpSocket::bind(*address, {.receive_buffer_bytes = request_buffer_bytes, .offload = options.offload});
  if (!socket) return fail(std::move(socket).error());
  std::shared_ptr<UdpExposer> exposer(new UdpExposer(options, loop, batch, std::move(*socket)));
  if (auto started = exposer->start(); !started) return fail(std::move(started).error());
  return exposer;
}

UdpExposer::UdpExposer(const UdpOptions& options, EventLoop& loop, ReceiveBatch& batch, UdpSocket socket)
    : options_(options),
      loop_(loop),
      socket_(std::move(socket)),
      engine_(Key::random().bytes(), limits_for(options, socket_.ip_version())),
      batch_(batch) {}

Result<void> UdpExposer::start() {
  choose_host();
  if (!Locator::parse(Locator(Locator::Network{host_, port_, {}}).reveal()))
    return fail(Errc::invalid_argument,
                "cannot advertise '" + host_ + "': expected a host name or an IP address");
  auto watch = loop_.watch(socket_.descriptor(), [this](Watch::Ready ready) { on_ready(ready); });
  if (!watch) return fail(std::move(watch).error());
  watch_ = std::move(*watch);
  timer_ = loop_.timer([this] { serve(); });
  return {};
}

void UdpExposer::choose_host() {
  const Address own = socket_.local_address();
  port_ = own.port;
  host_ = options_.advertise;
  if (host_.starts_with('[') && host_.ends_with(']')) host_ = host_.substr(1, host_.size() - 2);
  if (!host_.empty()) return;
  host_ = host_text(own);
  if (!own.is_wildcard()) return;
  const auto chosen = default_route_address();
  host_ = chosen ? host_text(*chosen) : "127.0.0.1";
  if (!options_.log) return;
  options_.log(LogLevel::info,
               "locators name " + host_ + ", the address of the default route; --advertise names another");
  for (const Address& other : interface_addresses())
    if (host_text(other) != host_) options_.log(LogLevel::info, "also reachable at " + host_text(other));
}

Result<void> UdpExposer::add(std::shared_ptr<const Store> store, std::shared_ptr<Observer> observer) {
  const bool is_open =
      store->manifest().protection != Protection::sealed && socket_.local_address().is_wildcard();
  if (is_open && options_.log && !std::exchange(warned_, true))
    options_.log(
        LogLevel::warning,
        "bound to every interface and not sealed: whoever reads the locator on its way can pull and read");
  return engine_.add(std::move(store), std::move(observer));
}

void UdpExposer::withdraw(const SurfaceId& id) {
  engine_.withdraw(id);
  serve();
}

void UdpExposer::handle_growth(const SurfaceId& id) {
  engine_.handle_growth(id);
  serve();
}

void UdpExposer::on_ready(Watch::Ready ready) {
  if (ready.readable) receive();
  serve();
}

void UdpExposer::receive() {
  const auto take = [&](const Received& received) {
    engine_.handle_datagram(received.arrived, received.peer, received.bytes);
  };
  for (int i = 0; i < max_batches_at_once; ++i) {
    const IoStatus status = socket_.receive(batch_, take);
    if (status == IoStatus::would_block || (status == IoStatus::done && !batch_.is_full())) break;
  }
}

void UdpExposer::serve() {
  const TimePoint end = loop_.now() + longest_turn;
  Sent sent = send_some();
  while (sent == Sent::some && (loop_.now() < end || engine_.has_ends_to_tell())) {
    receive();
    sent = send_some();
  }
  // The socket takes more at once where it is not blocked: the watch comes back as soon as others had theirs.
  watch_->set_interest(sent == Sent::all ? Interest::readable : Interest::readable_and_writable);
  read_blocked();
  const TimePoint next = engine_.poll_timeout();
  if (sent != Sent::all || next == TimePoint::max())
    timer_->disarm();
  else
    timer_->arm(next);
}

UdpExposer::Sent UdpExposer::send_some() {
  for (int trains = 0; trains < trains_at_once; ++trains) {
    if (!sending_) {
      if (!engine_.poll_transmit(loop_.now(), train_)) return Sent::all;
      sending_ = true;
      sent_ = 0;
    }
    const IoStatus status = socket_.send(train_, sent_);
    if (status == IoStatus::would_block) return Sent::blocked;
    if (status == IoStatus::too_large) engine_.handle_too_large(loop_.now(), train_);
    sending_ = false;  // what failed is lost, like a datagram on its way
  }
  return Sent::some;
}

void UdpExposer::read_blocked() {
  while (auto read = engine_.poll_read()) {
    auto shared = std::make_shared<ExposerEngine::BlockedRead>(std::move(*read));
    loop_.offload([shared] { shared->read_ahead(); },
                  [shared, weak = weak_from_this()] {
                    const auto self = weak.lock();
                    if (self == nullptr) return;
                    self->engine_.handle_read_done(self->loop_.now(), std::move(*shared));
                    self->serve();
                  });
  }
}

}  // namespace rgtp::packet
