#include "shm/broker.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/unix_socket.h"

namespace rgtp::shm {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "rgtp-broker-";
constexpr int backlog = 128;
constexpr std::string_view remedy = "mount a tmpfs there that this user may write to";

}  // namespace

bool is_broker_name(std::string_view name) {
  return name.starts_with(prefix) && OwnerId::from_hex(name.substr(prefix.size()));
}

bool is_answered(const fs::path& socket) {
  const Descriptor asking = unix_socket();
  // Where it cannot be told it is: what is alive is never removed.
  return !asking || connect_to(asking, socket) == 0 || (errno != ECONNREFUSED && errno != ENOENT);
}

Result<std::unique_ptr<Broker>> Broker::open(const fs::path& directory, EventLoop& loop) {
  const fs::path file = directory / (std::string(prefix) + OwnerId::random().to_hex());
  Descriptor socket = unix_socket();
  if (!socket) return os_failure("make a socket in", directory, errno, "raise the limit (ulimit -n)");
  if (bind_to(socket, file) != 0) return os_failure("make a socket in", directory, errno, remedy);
  std::unique_ptr<Broker> broker(new Broker(loop, file, std::move(socket)));
  if (auto listens = broker->listen(); !listens) return fail(std::move(listens).error());
  return broker;
}

Broker::Broker(EventLoop& loop, fs::path file, Descriptor socket)
    : loop_(loop), file_(std::move(file)), socket_(std::move(socket)) {}

Broker::~Broker() { close(); }

Result<void> Broker::listen() {
  // Whoever may not ask may not be told no.
  if (::chmod(file_.c_str(), 0666) != 0 || ::listen(socket_.get(), backlog) != 0)
    return os_failure("listen at", file_, errno, remedy);
  auto watch = loop_.watch(socket_.get(), [this](Watch::Ready) { accept(); });
  if (!watch) return fail(std::move(watch).error());
  watch_ = std::move(*watch);
  timer_ = loop_.timer([this] { end_silent_ones(); });
  closing_ = loop_.on_closing([this] { close(); });
  return {};
}

void Broker::close() {
  closing_.reset();
  sessions_.clear();
  timer_.reset();
  watch_.reset();
  if (!socket_) return;
  if (socket_.is_of_this_process()) ::unlink(file_.c_str());
  socket_.reset();
}

Result<void> Broker::offer(std::shared_ptr<ExposedSegment> segment, const Access& access) {
  const std::string name = segment_name(segment->header().manifest.id);
  if (auto linked = segment->link_to(file_); !linked) return linked;
  offered_.insert_or_assign(name, Offered{std::move(segment), access});
  return {};
}

void Broker::withdraw(const ExposedSegment& segment) {
  offered_.erase(segment_name(segment.header().manifest.id));
}

// One a turn: the watch comes back while there are more.
void Broker::accept() {
  Descriptor socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  const auto credentials = socket ? peer_of(socket) : std::nullopt;
  if (!credentials || sessions_.size() >= most_askers) return;
  const auto of_this_user = std::ranges::count_if(
      sessions_, [&](const Session& session) { return session.asker.user == credentials->user; });
  if (static_cast<std::size_t>(of_this_user) >= most_of_one_user) return;
  const auto session =
      sessions_.insert(sessions_.end(), Session{std::move(socket), *credentials, loop_.now() + patience});
  auto watch = loop_.watch(session->socket.get(), [this, session](Watch::Ready) { answer(session); });
  if (!watch) return end(session);
  session->watch = std::move(*watch);
  if (sessions_.size() == 1) timer_->arm(session->end);
}

void Broker::answer(Sessions::iterator session) {
  std::array<char, 64> name;
  const ssize_t got = ::recv(session->socket.get(), name.data(), name.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const std::string asked(name.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto found = offered_.find(asked);
  if (found != offered_.end()) {
    // The callback may take the surface back.
    const Offered offered = found->second;
    if (!offered.access.lets_in(session->asker))
      send(*session, BrokerAnswer::denied, Descriptor());
    else if (const auto memory = offered.segment->hand_over(session->asker.user))
      send(*session, BrokerAnswer::granted, *memory);
    else
      send(*session, BrokerAnswer::failed, Descriptor());
  } else if (!asked.empty()) {
    send(*session, BrokerAnswer::unknown, Descriptor());
  }
  end(session);
}

void Broker::send(const Session& session, BrokerAnswer answer, const Descriptor& memory) const {
  std::array<std::byte, broker_answer_bytes> bytes{};
  std::memcpy(bytes.data(), &answer, sizeof answer);
  (void)send_with(session.socket, bytes, memory);
}

void Broker::end(Sessions::iterator session) {
  session->watch.reset();
  sessions_.erase(session);
  if (sessions_.empty())
    timer_->disarm();
  else
    timer_->arm(sessions_.front().end);
}

void Broker::end_silent_ones() {
  while (!sessions_.empty() && sessions_.front().end <= loop_.now()) end(sessions_.begin());
}

}  // namespace rgtp::shm
