// The memory transport: what joins segments, their waiter and the sweep behind the Transport interface.
#include <map>
#include <mutex>

#include <unistd.h>

#include <rgtp/host.h>
#include <rgtp/transports.h>

#include "core/local_fetch.h"
#include "core/surface_store.h"
#include "shm/access_list.h"
#include "shm/broker.h"
#include "shm/broker_request.h"
#include "shm/exposed_segment.h"
#include "shm/huge_pages.h"
#include "shm/mapping_cache.h"
#include "shm/opened_segment.h"
#include "shm/segment_follower.h"
#include "shm/unmapped_segment.h"
#include "shm/waiter.h"

namespace rgtp::shm {

namespace {

// What the transport keeps on one loop.
struct OnLoop {
  OnLoop(const ShmOptions& options, EventLoop& loop)
      : waiter(loop), mappings({options.kept_mappings, options.kept_bytes}, loop) {}

  Waiter waiter;
  MappingCache mappings;
  std::vector<std::unique_ptr<Broker>> brokers;  // the last one takes what is new
};

class ShmExposure : public Exposure {
 public:
  ShmExposure(std::shared_ptr<OnLoop> here, std::shared_ptr<const Store> store,
              std::shared_ptr<ExposedSegment> segment, std::unique_ptr<HugePages> huge_pages)
      : here_(std::move(here)),
        store_(std::move(store)),
        segment_(std::move(segment)),
        huge_pages_(std::move(huge_pages)) {}
  ~ShmExposure() override {
    segment_->withdraw();
    for (const auto& broker : here_->brokers) broker->withdraw(*segment_);
  }

  Locator locator() const override { return Locator(Locator::ThisHost{store_->manifest().id}); }
  void leave() override { segment_->leave(); }
  // The segment tells its readers itself, from the thread that publishes.
  void on_growth() override {}

 private:
  const std::shared_ptr<OnLoop> here_;
  std::shared_ptr<const Store> store_;
  std::shared_ptr<ExposedSegment> segment_;
  std::unique_ptr<HugePages> huge_pages_;
};

class ShmFetch : public Fetch {
 public:
  ShmFetch(std::shared_ptr<OnLoop> here, std::shared_ptr<OpenedSegment> segment, Sink& sink, EventLoop& loop)
      : here_(std::move(here)),
        segment_(segment),
        fetch_(std::make_shared<core::LocalFetch>(std::move(segment), sink, loop)) {}
  ~ShmFetch() override {
    ticket_.reset();
    fetch_->cancel();
    // Views of its memory need none. A copy may still be read by a worker.
    if (fetch_->is_adopted()) segment_->close_descriptors();
  }

  Result<void> start() {
    const auto live = segment_->live_words();
    if (!live) return fail(live.error());
    seen_ = live->counter;
    fetch_->start();
    if (!fetch_->is_waiting()) return {};
    auto ticket =
        here_->waiter.wait_for(segment_->live().counter, segment_, seen_, [this] { return look(); });
    if (!ticket) return fail(std::move(ticket).error());
    ticket_ = std::move(*ticket);
    return {};
  }
  void want_changed() override { fetch_->want_changed(); }

 private:
  // Returns the counter as it is now.
  std::uint32_t look() {
    const auto found = segment_->look();
    if (!found) {
      fetch_->end(found.error());
      return seen_;
    }
    // Who died may have changed something and not said so.
    if (std::exchange(seen_, found->live.counter) != found->live.counter || !found->has_owner)
      fetch_->on_store_changed();
    if (found->is_orphaned()) fetch_->end_behind_chunks(orphaned());
    return seen_;
  }

  const std::shared_ptr<OnLoop> here_;
  const std::shared_ptr<OpenedSegment> segment_;
  const std::shared_ptr<core::LocalFetch> fetch_;
  std::uint32_t seen_ = 0;
  std::unique_ptr<Waiter::Ticket> ticket_;
};

// A pull of a finished surface whose owner is not trusted.
class UnmappedFetch : public Fetch {
 public:
  UnmappedFetch(std::shared_ptr<UnmappedSegment> segment, Sink& sink, EventLoop& loop)
      : fetch_(std::make_shared<core::LocalFetch>(std::move(segment), sink, loop)) {
    fetch_->start();
  }
  ~UnmappedFetch() override { fetch_->cancel(); }
  void want_changed() override { fetch_->want_changed(); }

 private:
  const std::shared_ptr<core::LocalFetch> fetch_;
};

// A pull of a surface whose exposer is asked for it first.
class BrokeredFetch : public Fetch {
 public:
  BrokeredFetch(const ShmOptions& options, const Trust& trust, const SurfaceId& id,
                std::shared_ptr<OnLoop> here, Sink& sink, EventLoop& loop)
      : request_(options.directory, id, trust, options.log, loop,
                 [this, here = std::move(here), &sink, &loop](auto segment) {
                   if (!segment) return sink.on_end(std::move(segment).error());
                   fetch_ = std::make_unique<ShmFetch>(here, std::move(*segment), sink, loop);
                   if (auto started = fetch_->start(); !started) sink.on_end(std::move(started).error());
                 }) {}
  void want_changed() override {
    if (fetch_ != nullptr) fetch_->want_changed();
  }

 private:
  std::unique_ptr<ShmFetch> fetch_;
  BrokerRequest request_;
};

class ShmTransport : public Transport {
 public:
  explicit ShmTransport(ShmOptions options)
      : options_(std::move(options)),
        trust_(options_.trust),
        pool_(options_.recycled_segments > 0 ? std::make_shared<SegmentPool>(options_.recycled_segments)
                                             : nullptr) {}

  std::string_view name() const override { return "shm"; }
  bool can_reach(const Locator& locator) const override { return locator.id().has_value(); }
  bool enforces_access() const override { return true; }
  bool keeps_surfaces() const override { return true; }

  std::shared_ptr<void> attach(EventLoop& loop) override { return on(loop); }

  Result<std::shared_ptr<Region>> allocate(const Manifest& manifest, const Offer& offer) override {
    if (offer.persistent && offer.access.who() == Access::Who::decide)
      return fail(Errc::invalid_argument,
                  "a surface whose exposer decides who may map it cannot outlive it: give access by names");
    auto segment = ExposedSegment::create(options_.directory,
                                          {.kind = RegionKind::inline_bytes,
                                           .persistent = offer.persistent,
                                           .owner = {},
                                           .manifest = manifest,
                                           .file = {}},
                                          offer.access, pool_);
    if (!segment) return fail(std::move(segment).error());
    return std::make_shared<SegmentRegion>(std::move(*segment));
  }

  bool can_offer(const Region& region) const override {
    return dynamic_cast<const SegmentRegion*>(&region) != nullptr || region.file().has_value();
  }

  Result<std::unique_ptr<Exposure>> expose(std::shared_ptr<const Store> store, const Offer& offer,
                                           EventLoop& loop, std::shared_ptr<Observer> observer) override {
    sweep_once(loop);
    auto segment = segment_for(*store, offer);
    if (!segment) return fail(std::move(segment).error());
    auto here = on(loop);
    auto named =
        (*segment)->is_brokered() ? offer_by_broker(*here, *segment, offer.access, loop) : (*segment)->link();
    if (!named) return fail(std::move(named).error());
    auto huge_pages = HugePages::may_help(**segment, options_.huge_pages_after)
                          ? std::make_unique<HugePages>(*segment, store, options_.huge_pages_after, loop,
                                                        std::move(observer))
                          : nullptr;
    return std::make_unique<ShmExposure>(std::move(here), std::move(store), std::move(*segment),
                                         std::move(huge_pages));
  }

  Result<std::shared_ptr<const Store>> open(const Locator& locator, EventLoop& loop) override {
    if (locator.key() || locator.root()) {
      auto unmapped = UnmappedSegment::open(options_.directory, locator, trust_, options_.log);
      if (!unmapped) return fail(std::move(unmapped).error());
      if (*unmapped != nullptr) return std::shared_ptr<const Store>(std::move(*unmapped));
      // One of its own, whose descriptors stay open: what is copied chunk by chunk is read by calls, which
      // the owner can make fail and not a signal.
      auto own = open_segment(locator);
      if (!own) return fail(std::move(own).error());
      return *own != nullptr && (*own)->was_finished() ? std::shared_ptr<const Store>(std::move(*own))
                                                       : nullptr;
    }
    const auto here = on(loop);
    if (auto kept = here->mappings.find(*locator.id())) return kept;
    auto segment = open_segment(locator);
    if (!segment) return fail(std::move(segment).error());
    if (*segment == nullptr || !(*segment)->was_finished()) return std::shared_ptr<const Store>();
    here->mappings.keep(*segment);
    return std::move(*segment);
  }

  Result<std::unique_ptr<Follower>> follow(const Locator& locator, Sink& sink, EventLoop& loop) override {
    auto segment = open_segment(locator);
    if (!segment) return fail(std::move(segment).error());
    if (*segment == nullptr) return std::unique_ptr<Follower>();
    return std::make_unique<SegmentFollower>(std::move(*segment), sink, loop);
  }

  Result<std::unique_ptr<Fetch>> pull(const Locator& locator, Sink& sink, EventLoop& loop) override {
    if (locator.key() || locator.root()) {
      auto unmapped = UnmappedSegment::open(options_.directory, locator, trust_, options_.log);
      if (!unmapped) return fail(std::move(unmapped).error());
      if (*unmapped != nullptr) return std::make_unique<UnmappedFetch>(std::move(*unmapped), sink, loop);
    }
    auto segment = open_segment(locator);
    if (!segment) return fail(std::move(segment).error());
    if (*segment == nullptr)
      return std::make_unique<BrokeredFetch>(options_, trust_, *locator.id(), on(loop), sink, loop);
    auto fetch = std::make_unique<ShmFetch>(on(loop), std::move(*segment), sink, loop);
    if (auto started = fetch->start(); !started) return fail(std::move(started).error());
    return fetch;
  }

 private:
  Result<void> offer_by_broker(OnLoop& here, const std::shared_ptr<ExposedSegment>& segment,
                               const Access& access, EventLoop& loop) const {
    if (!here.brokers.empty()) {
      auto offered = here.brokers.back()->offer(segment, access);
      // Somebody removed its name (logind does at logout, RemoveIPC): what it offers already has names of its
      // own.
      if (offered || offered.error().code != Errc::not_found) return offered;
    }
    auto broker = Broker::open(options_.directory, loop);
    if (!broker) return fail(std::move(broker).error());
    here.brokers.push_back(std::move(*broker));
    return here.brokers.back()->offer(segment, access);
  }

  // The segment that the store's bytes are in, or one that names the store's file.
  Result<std::shared_ptr<ExposedSegment>> segment_for(const Store& store, const Offer& offer) const {
    if (const auto* region = dynamic_cast<const SegmentRegion*>(&store.region())) return region->segment();
    auto file = store.region().file();
    if (!file)
      return fail(
          Errc::invalid_argument,
          "the surface's bytes are not in shared memory: give the shm transport first, since the first "
          "transport of the route provides the memory");
    if (!may_read(file->path, offer.access))
      return fail(Errc::denied,
                  quoted(file->path) +
                      " cannot be opened by those who are given access: change its mode, or expose its "
                      "bytes instead");
    auto segment = ExposedSegment::create(options_.directory,
                                          {.kind = RegionKind::file,
                                           .persistent = offer.persistent,
                                           .owner = {},
                                           .manifest = store.manifest(),
                                           .file = std::move(*file)},
                                          offer.access, pool_);
    if (!segment) return segment;
    if (auto copied = copy_index(store, **segment); !copied) return fail(std::move(copied).error());
    return segment;
  }

  // A file's surface is finished when it is exposed.
  static Result<void> copy_index(const Store& store, ExposedSegment& segment) {
    const Manifest& manifest = store.manifest();
    const RegionIndex index = segment.index();
    core::ChunkBitmap bitmap(index.bitmap, manifest.chunk_count());
    for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value) {
      const auto trailer =
          index.trailers.subspan(std::size_t{chunk.value} * manifest.trailer_bytes, manifest.trailer_bytes);
      auto read = store.read(chunk, manifest.length_of(chunk), trailer, ReadMode::may_block);
      if (!read) return fail(std::move(read).error());
      bitmap.set(chunk.value);
      segment.on_published();
    }
    segment.on_state(SurfaceState::finished);
    return {};
  }

  Result<std::shared_ptr<OpenedSegment>> open_segment(const Locator& locator) const {
    return OpenedSegment::open(options_.directory, *locator.id(), trust_, options_.log);
  }

  // What dead exposers of this user left; on a worker, since there may be a lot.
  void sweep_once(EventLoop& loop) {
    if (swept_.exchange(true)) return;
    loop.offload([directory = options_.directory] { (void)clear_host(directory); }, [] {});
  }

  std::shared_ptr<OnLoop> on(EventLoop& loop) {
    const std::lock_guard lock(mutex_);
    auto& known = loops_[&loop];
    auto here = known.lock();
    if (here != nullptr) return here;
    std::erase_if(loops_, [](const auto& entry) { return entry.second.expired(); });
    // A pull in another thread may be the last to hold it, while the loop closes.
    here = std::shared_ptr<OnLoop>(new OnLoop(options_, loop), [&loop](OnLoop* last) {
      const std::shared_ptr<OnLoop> doomed(last);
      if (!loop.on_loop_thread()) (void)loop.post([doomed] {});
    });
    loops_[&loop] = here;
    return here;
  }

  const ShmOptions options_;
  const Trust trust_;
  const std::shared_ptr<SegmentPool> pool_;  // none where nothing is used again
  std::atomic<bool> swept_ = false;
  std::mutex mutex_;  // handles on several loops may share the transport
  std::map<EventLoop*, std::weak_ptr<OnLoop>> loops_;
};

}  // namespace

}  // namespace rgtp::shm

namespace rgtp {

std::shared_ptr<Transport> shm_transport(ShmOptions options) {
  return std::make_shared<shm::ShmTransport>(std::move(options));
}

}  // namespace rgtp
