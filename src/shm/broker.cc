#include "shm/broker.h"

#include <algorithm>
#include <array>
#include <atomic>
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
constexpr Duration rest_interval = std::chrono::milliseconds(100);
constexpr std::string_view remedy = "mount a tmpfs there that this user may write to";

}  // namespace

std::optional<OwnerId> owner_of_broker_name(std::string_view name) {
  return owner_of_object_name(prefix, name);
}

bool is_answered(const fs::path& socket) {
  const Descriptor asking = unix_socket();
  // Where it cannot be told it is: what is alive is never removed.
  return !asking || connect_to(asking, socket) == 0 || (errno != ECONNREFUSED && errno != ENOENT);
}

Result<std::unique_ptr<Broker>> Broker::open(const fs::path& directory, EventLoop& loop) {
  // Named for its owner, by whose lock a sweep goes: between bind() and listen() nobody would answer.
  auto owner = Owner::of_this_process(directory);
  if (!owner) return fail(std::move(owner).error());
  const fs::path file = directory / new_object_name(prefix, (*owner)->id());
  Descriptor socket = unix_socket();
  if (!socket) return os_failure("make a socket in", directory, errno, "raise the limit (ulimit -n)");
  if (bind_to(socket, file) != 0) return os_failure("make a socket in", directory, errno, remedy);
  std::unique_ptr<Broker> broker(new Broker(loop, std::move(*owner), file, std::move(socket)));
  if (auto listens = broker->listen(); !listens) return fail(std::move(listens).error());
  return broker;
}

Broker::Broker(EventLoop& loop, std::shared_ptr<Owner> owner, fs::path file, Descriptor socket)
    : loop_(loop), owner_(std::move(owner)), file_(std::move(file)), socket_(std::move(socket)) {}

Broker::~Broker() { close(); }

Result<void> Broker::listen() {
  // Whoever may not ask may not be told no.
  if (::chmod(file_.c_str(), 0666) != 0 || ::listen(socket_.get(), backlog) != 0)
    return os_failure("listen at", file_, errno, remedy);
  auto watch = loop_.watch(socket_.get(), [this](Watch::Ready) { accept(); });
  if (!watch) return fail(std::move(watch).error());
  watch_ = std::move(*watch);
  timer_ = loop_.timer([this] { end_silent_ones(); });
  rest_ = loop_.timer([this] { watch_->set_interest(Interest::readable); });
  closing_ = loop_.on_closing([this] { close(); });
  return {};
}

void Broker::close() {
  closing_.reset();
  asking_.clear();
  granted_.clear();
  timer_.reset();
  rest_.reset();
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
  if (!socket && (errno == EMFILE || errno == ENFILE)) {
    watch_->set_interest(Interest::none);
    return rest_->arm(loop_.now() + rest_interval);
  }
  const auto asker = socket ? peer_of(socket) : std::nullopt;
  if (!asker || !admit(asker->user)) return;
  const auto session =
      asking_.insert(asking_.end(), Session{std::move(socket), *asker, loop_.now() + patience});
  auto watch = loop_.watch(session->socket.get(), [this, session](Watch::Ready) { hear(session); });
  if (!watch) return end(session);
  session->watch = std::move(*watch);
  timer_->arm(asking_.front().end);
}

bool Broker::admit(uid_t user) {
  const auto of_user = [user](const Session& session) { return session.asker.user == user; };
  const auto count = std::ranges::count_if(asking_, of_user) + std::ranges::count_if(granted_, of_user);
  if (static_cast<std::size_t>(count) >= most_of_one_user) return false;
  // An honest one's question comes with its connection.
  if (asking_.size() >= most_askers) end(asking_.begin());
  return true;
}

void Broker::hear(Sessions::iterator session) {
  std::array<char, 64> name;
  const ssize_t got = ::recv(session->socket.get(), name.data(), name.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 || session->is_granted) return end(session);
  if (!answer(*session, std::string(name.data(), static_cast<std::size_t>(got)))) return end(session);
  session->is_granted = true;
  granted_.splice(granted_.end(), asking_, session);
}

bool Broker::answer(const Session& session, const std::string& asked) {
  const auto found = offered_.find(asked);
  if (found == offered_.end()) {
    (void)send(session, BrokerAnswer::unknown);
    return false;
  }
  // The callback may take the surface back.
  const Offered offered = found->second;
  if (!offered.access.lets_in(session.asker)) {
    (void)send(session, BrokerAnswer::denied);
    return false;
  }
  const auto memory = offered.segment->hand_over(session.asker.user);
  if (memory && send(session, BrokerAnswer::granted, *memory)) return true;
  (void)send(session, BrokerAnswer::failed);
  return false;
}

bool Broker::send(const Session& session, BrokerAnswer answer, const Descriptor& memory) const {
  std::array<std::byte, broker_answer_bytes> bytes{};
  std::memcpy(bytes.data(), &answer, sizeof answer);
  return send_with(session.socket, bytes, memory);
}

void Broker::end(Sessions::iterator session) {
  session->watch.reset();
  (session->is_granted ? granted_ : asking_).erase(session);
}

void Broker::end_silent_ones() {
  while (!asking_.empty() && asking_.front().end <= loop_.now()) end(asking_.begin());
  if (!asking_.empty()) timer_->arm(asking_.front().end);
}

}  // namespace rgtp::shm
