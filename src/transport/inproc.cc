// The in-process transport: the smallest whole one. Surfaces are found in a table that both sides share; a
// pull is given the store itself, or a copy where it brings storage of its own.
#include <mutex>
#include <unordered_map>

#include <rgtp/transports.h>

#include "core/heap_region.h"

namespace rgtp::transport {

namespace {

// What a pull under way hears from an exposure, on its own loop.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_withdrawn() = 0;
};

// Surfaces by id; any thread.
class Table {
 public:
  struct Known {
    EventLoop* loop;  // there for as long as the listener is known
    const Listener* listener;
    std::weak_ptr<Listener> weak;
  };
  struct Entry {
    std::shared_ptr<const Store> store;
    std::vector<Known> listeners;
  };

  bool add(const SurfaceId& id, std::shared_ptr<const Store> store) {
    const std::lock_guard lock(mutex_);
    return entries_.try_emplace(id, Entry{std::move(store), {}}).second;
  }

  std::shared_ptr<const Store> find(const SurfaceId& id, EventLoop& loop,
                                    const std::shared_ptr<Listener>& listener) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return nullptr;
    found->second.listeners.push_back({&loop, listener.get(), listener});
    return found->second.store;
  }

  // On the listener's loop, which may go afterwards: nothing is posted there any more.
  void forget(const SurfaceId& id, const Listener* listener) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    std::erase_if(found->second.listeners, [&](const auto& known) { return known.listener == listener; });
  }

  void withdraw(const SurfaceId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    for (const auto& known : found->second.listeners)
      (void)known.loop->post([weak = known.weak] {
        if (const auto listener = weak.lock()) listener->on_withdrawn();
      });
    entries_.erase(found);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<SurfaceId, Entry> entries_;
};

class InprocExposure : public Exposure {
 public:
  InprocExposure(std::shared_ptr<Table> table, const SurfaceId& id) : table_(std::move(table)), id_(id) {}
  ~InprocExposure() override { table_->withdraw(id_); }
  Locator locator() const override { return Locator(Locator::Other{"inproc", id_.to_hex()}); }
  void published(std::uint32_t /*chunks*/) override {}
  void finished(std::uint64_t /*final_size*/) override {}

 private:
  std::shared_ptr<Table> table_;
  SurfaceId id_;
};

// Copies chunk by chunk, one a turn of the loop, so that nothing else waits long.
class InprocPull : public Listener, public std::enable_shared_from_this<InprocPull> {
 public:
  InprocPull(std::shared_ptr<Table> table, const SurfaceId& id, Sink& sink, EventLoop& loop)
      : table_(std::move(table)), id_(id), sink_(&sink), loop_(loop) {}

  void start() { post_step(&InprocPull::begin); }
  void want_changed() {
    if (waiting_) post_step(&InprocPull::copy_next);
    waiting_ = false;
  }
  void cancel() {
    sink_ = nullptr;
    table_->forget(id_, this);
  }

  void on_withdrawn() override {
    if (sink_ == nullptr || done_) return;
    end({Errc::withdrawn, "the exposer has withdrawn the surface"});
  }

 private:
  void post_step(void (InprocPull::*step)()) {
    (void)loop_.post([weak = weak_from_this(), step] {
      if (const auto self = weak.lock(); self != nullptr && self->sink_ != nullptr && !self->done_)
        (self.get()->*step)();
    });
  }

  void end(Error error) {
    done_ = true;
    sink_->on_end(fail(std::move(error)));
  }

  void begin() {
    store_ = table_->find(id_, loop_, shared_from_this());
    if (store_ == nullptr)
      return end({Errc::unknown_surface, "no surface of this id is exposed in this process"});
    if (!sink_->on_manifest(store_->manifest())) {
      done_ = true;
    } else if (!store_->mapped().empty() && sink_->adopt(store_)) {
      done_ = true;
      for (ChunkIndex chunk{0}; chunk.value < store_->manifest().chunk_count(); ++chunk.value)
        (void)sink_->on_chunk(chunk);
    } else {
      next_ = sink_->wanted().first;
      copy_next();
    }
  }

  void copy_next() {
    const ChunkRange wanted = sink_->wanted();
    next_ = std::max(next_, wanted.first);
    waiting_ = !wanted.contains(next_);
    if (waiting_) return;
    if (const auto placement = sink_->place(next_)) {
      const std::uint32_t length = store_->manifest().length_of(next_);
      auto read = store_->read(next_, 0, placement->bytes, ReadMode::may_block);
      if (read) read = store_->read(next_, length, placement->trailer, ReadMode::may_block);
      if (!read) return end(std::move(read).error());
      if (sink_->on_chunk(next_) == ChunkVerdict::again && ++failures_ >= max_failures)
        return end({Errc::corrupted, "a chunk failed verification again and again: its source was changed"});
    } else {
      ++next_.value;
    }
    post_step(&InprocPull::copy_next);
  }

  static constexpr int max_failures = 8;

  const std::shared_ptr<Table> table_;
  const SurfaceId id_;
  Sink* sink_;
  EventLoop& loop_;
  std::shared_ptr<const Store> store_;
  ChunkIndex next_{};
  int failures_ = 0;
  bool waiting_ = false;
  bool done_ = false;
};

class InprocFetch : public Fetch {
 public:
  explicit InprocFetch(std::shared_ptr<InprocPull> pull) : pull_(std::move(pull)) {}
  ~InprocFetch() override { pull_->cancel(); }
  void want_changed() override { pull_->want_changed(); }

 private:
  std::shared_ptr<InprocPull> pull_;
};

class InprocTransport : public Transport {
 public:
  std::string_view name() const override { return "inproc"; }
  bool can_reach(const Locator& locator) const override { return id_of(locator).has_value(); }

  Result<std::shared_ptr<Region>> allocate(const Manifest& manifest, const Access& /*access*/) override {
    return core::HeapRegion::make(manifest.size);
  }

  Result<std::unique_ptr<Exposure>> expose(std::shared_ptr<const Store> store, EventLoop& /*loop*/,
                                           std::shared_ptr<Observer> /*observer*/) override {
    const SurfaceId id = store->manifest().id;
    if (!table_->add(id, std::move(store)))
      return fail(Errc::already_exposed, "a surface of this id is being exposed already");
    return std::make_unique<InprocExposure>(table_, id);
  }

  Result<std::unique_ptr<Fetch>> pull(const Locator& locator, Sink& sink, EventLoop& loop) override {
    auto pull = std::make_shared<InprocPull>(table_, *id_of(locator), sink, loop);
    pull->start();
    return std::make_unique<InprocFetch>(std::move(pull));
  }

 private:
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
