#include "shm/broker_request.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "shm/broker.h"
#include "shm/unix_socket.h"

namespace rgtp::shm {

namespace fs = std::filesystem;

namespace {

// How often an exposer that has enough to do is asked.
constexpr Duration retry_interval = std::chrono::milliseconds(10);

Result<BrokerAnswer> answer_in(std::span<const std::byte> bytes) {
  std::uint32_t answer = 0;
  const auto malformed = [] { return fail(Errc::malformed_data, "the exposer's answer makes no sense"); };
  if (bytes.size() != sizeof answer) return malformed();
  std::memcpy(&answer, bytes.data(), sizeof answer);
  if (answer > static_cast<std::uint32_t>(BrokerAnswer::failed)) return malformed();
  return static_cast<BrokerAnswer>(answer);
}

}  // namespace

BrokerRequest::BrokerRequest(const fs::path& directory, const SurfaceId& id, const Trust& trust, Log log,
                             EventLoop& loop, Done done)
    : directory_(directory),
      id_(id),
      trust_(trust),
      log_(std::move(log)),
      loop_(loop),
      end_(loop.now() + patience),
      done_(std::move(done)),
      timer_(loop.timer([this] { step(); })) {
  timer_->arm(loop_.now());
}

// What the timer is for: the beginning, another try, the end.
void BrokerRequest::step() {
  if (loop_.now() >= end_)
    return finish(fail(Errc::timed_out, "the exposer was asked for the surface's memory and did not answer"));
  if (watch_ == nullptr) ask();
}

void BrokerRequest::ask() {
  const std::string name = segment_name(id_);
  socket_ = unix_socket();
  if (!socket_)
    return finish(os_failure("make a socket in", directory_, errno, "raise the limit (ulimit -n)"));
  if (connect_to(socket_, directory_ / name) != 0) {
    if (errno == EAGAIN) return retry();
    if (errno == ENOENT)
      return finish(fail(Errc::unknown_surface, "no segment of this surface is on this host"));
    if (errno == ECONNREFUSED)
      return finish(fail(Errc::exposer_gone, "the process that exposed the surface has ended"));
    if (errno == EPROTOTYPE)
      return refuse({Errc::malformed_data, "what stands under the segment's name is no exposer's socket"});
    return finish(os_failure("ask at", directory_ / name, errno, "see that this user may"));
  }
  const auto exposer = peer_of(socket_);
  if (!exposer || !trust_.trusts(exposer->user))
    return refuse({Errc::denied, "the surface's memory belongs to user " +
                                     (exposer ? std::to_string(exposer->user) : "unknown") +
                                     ", who is not trusted here: name that user as trusted to map it"});
  exposer_ = exposer->user;
  // It may have hung up already.
  if (!send_with(socket_, std::as_bytes(std::span(name)), Descriptor())) return retry();
  auto watch = loop_.watch(socket_.get(), [this](Watch::Ready) { hear(); });
  if (!watch) return finish(fail(std::move(watch).error()));
  watch_ = std::move(*watch);
  timer_->arm(end_);
}

// It hears others of this user just now, or it has ended, which the next try will tell.
void BrokerRequest::retry() {
  watch_.reset();
  timer_->arm(std::min(end_, loop_.now() + retry_interval));
}

void BrokerRequest::hear() {
  std::array<std::byte, broker_answer_bytes + 1> bytes;
  auto received = receive_with(socket_, bytes);
  if (received.bytes < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received.bytes <= 0) return retry();
  const auto answer = answer_in(std::span(bytes).first(static_cast<std::size_t>(received.bytes)));
  if (!answer) return finish(fail(answer.error()));
  switch (*answer) {
    case BrokerAnswer::granted: {
      if (!received.passed)
        return finish(fail(Errc::io_error, "the surface's memory did not come: raise the limit (ulimit -n)"));
      auto taken = OpenedSegment::take(std::move(received.passed), exposer_, directory_, id_);
      if (!taken && taken.error().code == Errc::malformed_data) return refuse(std::move(taken).error());
      return finish(std::move(taken));
    }
    case BrokerAnswer::denied:
      return finish(fail(Errc::denied, "the exposer does not let this user map the surface's memory"));
    case BrokerAnswer::unknown:
      return finish(fail(Errc::unknown_surface, "the exposer has no such surface any more"));
    case BrokerAnswer::failed: break;
  }
  finish(fail(Errc::io_error, "the exposer cannot hand its memory over: it may lack descriptors"));
}

// What somebody planted, or may have.
void BrokerRequest::refuse(Error error) {
  if (log_) log_(LogLevel::warning, "a segment is not used for a pull: " + error.message());
  finish(fail(std::move(error)));
}

void BrokerRequest::finish(Result<std::shared_ptr<OpenedSegment>> result) {
  watch_.reset();
  timer_->disarm();
  socket_.reset();
  if (const Done done = std::exchange(done_, nullptr)) done(std::move(result));
}

}  // namespace rgtp::shm
