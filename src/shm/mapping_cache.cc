#include "shm/mapping_cache.h"

#include <algorithm>

namespace rgtp::shm {

// Its timer lives on the loop; posts to it may come after the cache went.
struct MappingCache::Looker {
  MappingCache* cache;
  std::unique_ptr<Timer> timer = {};
  std::shared_ptr<void> closing = {};
};

MappingCache::MappingCache(const Limits& limits, EventLoop& loop)
    : limits_(limits), loop_(loop), looker_(std::make_shared<Looker>(Looker{this})) {}

MappingCache::~MappingCache() {
  looker_->cache = nullptr;
  looker_->timer.reset();
  looker_->closing.reset();
}

std::shared_ptr<OpenedSegment> MappingCache::find(const SurfaceId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const auto& segment) { return segment->manifest().id == id; });
  if (found == kept_.end()) return nullptr;
  if (!is_good(**found)) {
    (*found)->close_descriptors();
    kept_.erase(found);
    return nullptr;
  }
  kept_.splice(kept_.begin(), kept_, found);
  return kept_.front();
}

void MappingCache::keep(const std::shared_ptr<OpenedSegment>& segment) {
  if (segment->is_file() || limits_.mappings == 0) return segment->close_descriptors();
  const std::lock_guard lock(mutex_);
  kept_.push_front(segment);
  trim();
  if (std::exchange(looking_, true)) return;
  (void)loop_.post([looker = looker_] {
    if (looker->cache == nullptr) return;
    looker->timer = looker->cache->loop_.timer([cache = looker->cache] { cache->look(); });
    looker->closing = looker->cache->loop_.on_closing([looker] { looker->timer.reset(); });
    looker->timer->arm(looker->cache->loop_.now() + look_interval);
  });
}

bool MappingCache::is_good(const OpenedSegment& segment) {
  return segment.is_whole() && segment.check_offered();
}

void MappingCache::look() {
  const std::lock_guard lock(mutex_);
  kept_.remove_if([](const auto& segment) {
    const bool bad = !is_good(*segment);
    if (bad) segment->close_descriptors();
    return bad;
  });
  trim();
  looking_ = !kept_.empty();
  if (looking_ && looker_->timer != nullptr) looker_->timer->arm(loop_.now() + look_interval);
}

void MappingCache::trim() {
  std::uint32_t mappings = 0;
  std::uint64_t bytes = 0;
  kept_.remove_if([&](const auto& segment) {
    if (segment.use_count() == 1) bytes += segment->region().size();
    const bool too_much = ++mappings > limits_.mappings || bytes > limits_.bytes;
    // A view may hold it still, which needs none.
    if (too_much) segment->close_descriptors();
    return too_much;
  });
}

}  // namespace rgtp::shm
