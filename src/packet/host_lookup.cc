#include "packet/host_lookup.h"

#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "packet/socket_address.h"

namespace rgtp::packet {

namespace {

// Outlives every lookup: a thread may end after main() did.
std::atomic<int>& lookups_under_way() {
  static auto* const count = new std::atomic<int>(0);
  return *count;
}

}  // namespace

// Between the lookup, which may go at any time, and its thread.
struct HostLookup::Shared {
  explicit Shared(EventLoop* on) : loop(on) {}

  // On the loop.
  void finish(Addresses addresses) {
    if (auto call = std::exchange(done, nullptr)) call(std::move(addresses));
  }
  // On the lookup's thread. The loop is there for as long as the lookup is.
  static void deliver(const std::shared_ptr<Shared>& shared, Addresses addresses) {
    auto result = std::make_shared<Addresses>(std::move(addresses));
    const std::lock_guard lock(shared->mutex);
    if (shared->loop != nullptr)
      (void)shared->loop->post([shared, result] { shared->finish(std::move(*result)); });
  }

  std::mutex mutex;
  EventLoop* loop;                      // none once the lookup went
  std::function<void(Addresses)> done;  // the loop's thread alone
};

Result<std::unique_ptr<HostLookup>> HostLookup::start(EventLoop& loop, const std::string& host,
                                                      std::uint16_t port, TimePoint deadline,
                                                      std::function<void(Addresses)> done,
                                                      Resolver resolver) {
  if (++lookups_under_way() > max_at_once) {
    --lookups_under_way();
    return fail(Errc::limit, "cannot look up '" + host + "': " + std::to_string(max_at_once) +
                                 " lookups wait for an answer already; is the name server there?");
  }
  auto shared = std::make_shared<Shared>(&loop);
  shared->done = std::move(done);
  try {
    std::thread([shared, host, port, resolver = resolver ? std::move(resolver) : Resolver(resolve)] {
      Shared::deliver(shared, resolver(host, port));
      --lookups_under_way();
    }).detach();
  } catch (const std::system_error& error) {
    --lookups_under_way();
    return fail(Errc::io_error, "cannot look up '" + host + "': no thread for it: " + error.what());
  }
  auto timer = loop.timer([shared, host] {
    shared->finish(fail(
        Errc::timed_out,
        "no answer came when '" + host + "' was looked up: name an IP address, or check the name server"));
  });
  timer->arm(deadline);
  return std::unique_ptr<HostLookup>(new HostLookup(std::move(shared), std::move(timer)));
}

HostLookup::HostLookup(std::shared_ptr<Shared> shared, std::unique_ptr<Timer> deadline)
    : shared_(std::move(shared)), deadline_(std::move(deadline)) {}

HostLookup::~HostLookup() {
  shared_->done = nullptr;
  const std::lock_guard lock(shared_->mutex);
  shared_->loop = nullptr;
}

}  // namespace rgtp::packet
