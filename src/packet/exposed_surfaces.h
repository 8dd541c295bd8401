// What is exposed at an exposer, and what no longer is.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>

#include <rgtp/observer.h>
#include <rgtp/store.h>

#include "packet/wire.h"

namespace rgtp::packet {

struct Exposed {
  std::shared_ptr<const Store> store;
  std::shared_ptr<Observer> observer;
};

class ExposedSurfaces {
 public:
  explicit ExposedSurfaces(std::size_t remembered_withdrawals) : max_withdrawn_(remembered_withdrawals) {}

  // already_exposed where the id is taken.
  [[nodiscard]] Result<void> add(std::shared_ptr<const Store> store, std::shared_ptr<Observer> observer);
  // The store that is no longer exposed; null where none was.
  std::shared_ptr<const Store> withdraw(const SurfaceId& id);
  // Null where it is not exposed. Valid until anything is changed.
  const Exposed* find(const SurfaceId& id) const;
  bool holds(const Store& store) const;
  // What to tell whoever asks for one that is not exposed.
  Refusal why_not(const SurfaceId& id) const;

 private:
  const std::size_t max_withdrawn_;
  std::unordered_map<SurfaceId, Exposed> exposed_;
  std::deque<std::pair<SurfaceId, Refusal>> withdrawn_;
};

}  // namespace rgtp::packet
