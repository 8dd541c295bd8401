// What an Exposer and its surfaces, or a Puller and its pulls, share: the loop, the transports and what these
// keep on the loop. Kept by handles, deleted on the loop's thread.
#pragma once

#include <memory>
#include <vector>

#include <rgtp/event_loop.h>
#include <rgtp/log.h>
#include <rgtp/transport.h>

namespace rgtp::transport {

class HandleCore {
 public:
  HandleCore(EventLoop& loop, std::vector<std::shared_ptr<Transport>> transports, Log log)
      : loop_(loop), transports_(std::move(transports)), log_(std::move(log)) {}

  EventLoop& loop() { return loop_; }
  const std::vector<std::shared_ptr<Transport>>& transports() const { return transports_; }
  const Log& log() const { return log_; }

  // Loop's thread: before the first use of a transport there.
  void attach() {
    if (!attachments_.empty()) return;
    for (const auto& transport : transports_) attachments_.push_back(transport->attach(loop_));
  }

 private:
  EventLoop& loop_;
  std::vector<std::shared_ptr<Transport>> transports_;
  Log log_;
  std::vector<std::shared_ptr<void>> attachments_;  // go first
};

// Shares an object whose last reference may go on any thread and which must end on the loop's.
template <class T>
std::shared_ptr<T> share_on_loop(EventLoop& loop, std::unique_ptr<T> object) {
  return std::shared_ptr<T>(object.release(), [&loop](T* last) {
    const std::shared_ptr<T> doomed(last);
    // On a closed loop nothing of the object's is left to end: it goes here.
    (void)loop.post([doomed] {});
  });
}

}  // namespace rgtp::transport
