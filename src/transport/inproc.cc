// The in-process transport: the smallest whole one. Surfaces are found in a table that both sides share; a
// pull is given the store itself, or a copy where it brings storage of its own.
#include <mutex>
#include <unordered_map>
#include <vector>

#include <rgtp/transports.h>

#include "core/heap_region.h"
#include "core/local_fetch.h"

namespace rgtp::transport {

namespace {

// Surfaces by id; any thread.
class Table {
 public:
  bool add(const SurfaceId& id, std::shared_ptr<const Store> store) {
    const std::lock_guard lock(mutex_);
    return entries_.try_emplace(id, Entry{std::move(store), {}}).second;
  }

  std::shared_ptr<const Store> find(const SurfaceId& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second.store;
  }

  // From here on to forget() the fetch hears, on its loop, what becomes of the surface.
  void listen(const SurfaceId& id, EventLoop& loop, const std::shared_ptr<core::LocalFetch>& fetch) {
    const std::lock_guard lock(mutex_);
    const Listener listener{&loop, fetch.get(), fetch};
    const auto found = entries_.find(id);
    if (found == entries_.end()) return tell(listener, &withdraw_fetch);  // it went meanwhile
    found->second.listeners.push_back(listener);
  }
  // On the listener's loop, which may go afterwards: nothing is posted there any more.
  void forget(const SurfaceId& id, const core::LocalFetch* fetch) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    std::erase_if(found->second.listeners, [&](const auto& known) { return known.fetch == fetch; });
  }

  void grow(const SurfaceId& id) {
    const std::lock_guard lock(mutex_);
    for (const auto& known : entries_.at(id).listeners) tell(known, &grow_fetch);
  }
  void withdraw(const SurfaceId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    // What its writer gave up is told by the store itself, behind the last chunks.
    const bool aborted = found->second.store->state() == SurfaceState::aborted;
    for (const auto& known : found->second.listeners) tell(known, aborted ? &grow_fetch : &withdraw_fetch);
    entries_.erase(found);
  }

 private:
  struct Listener {
    EventLoop* loop;  // there for as long as the listener is known
    const core::LocalFetch* fetch;
    std::weak_ptr<core::LocalFetch> weak;
  };
  struct Entry {
    std::shared_ptr<const Store> store;
    std::vector<Listener> listeners;
  };

  static void grow_fetch(core::LocalFetch& fetch) { fetch.on_store_changed(); }
  static void withdraw_fetch(core::LocalFetch& fetch) {
    fetch.end({Errc::withdrawn, "the exposer has withdrawn the surface"});
  }
  static void tell(const Listener& listener, void (*call)(core::LocalFetch&)) {
    (void)listener.loop->post([weak = listener.weak, call] {
      if (const auto fetch = weak.lock()) call(*fetch);
    });
  }

  mutable std::mutex mutex_;
  std::unordered_map<SurfaceId, Entry> entries_;
};

class InprocExposure : public Exposure {
 public:
  InprocExposure(std::shared_ptr<Table> table, std::shared_ptr<const Store> store)
      : table_(std::move(table)), store_(std::move(store)) {}
  ~InprocExposure() override { table_->withdraw(id()); }
  Locator locator() const override { return Locator(Locator::Other{"inproc", id().to_hex()}); }
  void on_growth() override { table_->grow(id()); }

 private:
  const SurfaceId& id() const { return store_->manifest().id; }

  std::shared_ptr<Table> table_;
  std::shared_ptr<const Store> store_;
};

class InprocFetch : public Fetch {
 public:
  InprocFetch(std::shared_ptr<Table> table, const SurfaceId& id, std::shared_ptr<const Store> store,
              Sink& sink, EventLoop& loop)
      : table_(std::move(table)),
        id_(id),
        fetch_(std::make_shared<core::LocalFetch>(std::move(store), sink, loop)) {
    table_->listen(id_, loop, fetch_);
    fetch_->start();
  }
  ~InprocFetch() override {
    fetch_->cancel();
    table_->forget(id_, fetch_.get());
  }
  void want_changed() override { fetch_->want_changed(); }

 private:
  std::shared_ptr<Table> table_;
  SurfaceId id_;
  std::shared_ptr<core::LocalFetch> fetch_;
};

class InprocTransport : public Transport {
 public:
  std::string_view name() const override { return "inproc"; }
  bool can_reach(const Locator& locator) const override { return id_of(locator).has_value(); }

  Result<std::shared_ptr<Region>> allocate(const Manifest& manifest, const Offer& /*offer*/) override {
    return core::HeapRegion::make_for(manifest, manifest.stored_bytes());
  }

  Result<std::unique_ptr<Exposure>> expose(std::shared_ptr<const Store> store, const Offer& /*offer*/,
                                           EventLoop& /*loop*/,
                                           std::shared_ptr<Observer> /*observer*/) override {
    if (!table_->add(store->manifest().id, store))
      return fail(Errc::already_exposed, "a surface of this id is being exposed already");
    return std::make_unique<InprocExposure>(table_, std::move(store));
  }

  Result<std::shared_ptr<const Store>> open(const Locator& locator, EventLoop& /*loop*/) override {
    auto store = table_->find(*id_of(locator));
    if (store == nullptr) return no_surface();
    const bool whole_in_memory = store->state() == SurfaceState::finished && store->region().is_memory();
    return whole_in_memory ? std::move(store) : nullptr;
  }

  Result<std::unique_ptr<Fetch>> pull(const Locator& locator, Sink& sink, EventLoop& loop) override {
    const SurfaceId id = *id_of(locator);
    auto store = table_->find(id);
    if (store == nullptr) return no_surface();
    return std::make_unique<InprocFetch>(table_, id, std::move(store), sink, loop);
  }

 private:
  static tl::unexpected<Error> no_surface() {
    return fail(Errc::unknown_surface, "no surface of this id is exposed in this process");
  }
  static std::optional<SurfaceId> id_of(const Locator& locator) {
    const auto* other = std::get_if<Locator::Other>(&locator.where());
    if (other == nullptr || other->scheme != "inproc") return std::nullopt;
    auto id = SurfaceId::from_hex(other->rest);
    return id ? std::optional(*id) : std::nullopt;
  }

  const std::shared_ptr<Table> table_ = std::make_shared<Table>();
};

}  // namespace

}  // namespace rgtp::transport

namespace rgtp {

std::shared_ptr<Transport> inproc_transport() { return std::make_shared<transport::InprocTransport>(); }

}  // namespace rgtp
