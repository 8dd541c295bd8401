#include "packet/exposed_surfaces.h"

#include <algorithm>

namespace rgtp::packet {

Result<void> ExposedSurfaces::add(std::shared_ptr<const Store> store, std::shared_ptr<Observer> observer) {
  const SurfaceId id = store->manifest().id;
  if (!exposed_.try_emplace(id, Exposed{std::move(store), std::move(observer)}).second)
    return fail(Errc::already_exposed, "a surface of this id is being exposed here already");
  std::erase_if(withdrawn_, [&](const auto& entry) { return entry.first == id; });
  return {};
}

std::shared_ptr<const Store> ExposedSurfaces::withdraw(const SurfaceId& id) {
  const auto found = exposed_.find(id);
  if (found == exposed_.end()) return nullptr;
  auto store = std::move(found->second.store);
  exposed_.erase(found);
  withdrawn_.emplace_back(id,
                          store->state() == SurfaceState::aborted ? Refusal::aborted : Refusal::withdrawn);
  if (withdrawn_.size() > max_withdrawn_) withdrawn_.pop_front();
  return store;
}

const Exposed* ExposedSurfaces::find(const SurfaceId& id) const {
  const auto found = exposed_.find(id);
  return found != exposed_.end() ? &found->second : nullptr;
}

bool ExposedSurfaces::holds(const Store& store) const {
  const Exposed* const exposed = find(store.manifest().id);
  return exposed != nullptr && exposed->store.get() == &store;
}

Refusal ExposedSurfaces::why_not(const SurfaceId& id) const {
  const auto gone = std::ranges::find(withdrawn_, id, &std::pair<SurfaceId, Refusal>::first);
  return gone != withdrawn_.end() ? gone->second : Refusal::unknown;
}

}  // namespace rgtp::packet
