// What an Exposer and its surfaces, or a Puller and its pulls, share: the loop, the transports and what these
// keep on the loop. Kept by handles, deleted on the loop's thread.
#pragma once

#include <memory>
#include <vector>

#include <rgtp/event_loop.h>
#include <rgtp/transport.h>

#include "transport/default_transports.h"

namespace rgtp::transport {

class HandleCore {
 public:
  HandleCore(EventLoop& loop, std::vector<std::shared_ptr<Transport>> transports, Log log)
      : loop_(loop), transports_(std::move(transports)), log_(std::move(log)) {
    for (const auto& transport : transports_) attachments_->push_back(transport->attach(loop_));
  }

  EventLoop& loop() { return loop_; }
  const std::vector<std::shared_ptr<Transport>>& transports() const { return transports_; }

  void log(LogLevel level, std::string_view line) const {
    if (log_) log_(level, line);
  }

  // Loop's thread, before the first use of a transport there.
  void bind_to_loop() {
    if (closing_ == nullptr)
      closing_ = loop_.on_closing([attachments = attachments_] { attachments->clear(); });
  }

 private:
  EventLoop& loop_;
  std::vector<std::shared_ptr<Transport>> transports_;
  const Log log_;
  // Shared with the loop, so that they go on its thread whoever closes it.
  const std::shared_ptr<std::vector<std::shared_ptr<void>>> attachments_ =
      std::make_shared<std::vector<std::shared_ptr<void>>>();
  std::shared_ptr<void> closing_;  // goes first
};

// Shares an object whose last reference may go on any thread and which must end on the loop's.
template <class T>
std::shared_ptr<T> share_on_loop(const std::shared_ptr<EventLoop>& loop, std::unique_ptr<T> object) {
  return std::shared_ptr<T>(object.release(), [weak = std::weak_ptr<EventLoop>(loop)](T* last) {
    const std::shared_ptr<T> doomed(last);
    // What was bound to a loop that is closed, or gone, ended there (EventLoop::on_closing): the rest may go
    // here. Whoever was blocked in get() may be the last, when all handles are gone.
    if (const auto held = weak.lock()) (void)held->post([doomed] {});
  });
}

// What Exposer::open() and Puller::open() share: the loop that was given or a new one, and a core on it.
template <class Core>
struct Opened {
  std::shared_ptr<EventLoop> loop;
  std::shared_ptr<Core> core;
};
template <class Core, class Options>
[[nodiscard]] Result<Opened<Core>> open_core(Options options) {
  std::shared_ptr<EventLoop> loop = std::move(options.loop);
  if (loop == nullptr) {
    auto spawned = EventLoop::spawn();
    if (!spawned) return fail(std::move(spawned).error());
    loop = std::move(*spawned);
  }
  auto transports = transports_of(options);
  auto core = share_on_loop(loop, std::make_unique<Core>(*loop, std::move(transports), options));
  auto bound = loop->post([core] { core->bind_to_loop(); });
  if (!bound) return fail(std::move(bound).error());
  return Opened<Core>{std::move(loop), std::move(core)};
}

}  // namespace rgtp::transport
