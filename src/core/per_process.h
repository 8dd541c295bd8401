// What there is once in a process.
#pragma once

#include <atomic>

#include "core/descriptor.h"

namespace rgtp::core {

// This process's T. A forked child has another one, since its parent's may have been locked at that moment.
// Never destroyed: what uses it may go as late as anything.
template <class T>
T& of_this_process() {
  struct Made {
    const unsigned generation = process_generation();
    T value = {};
  };
  static std::atomic<Made*> made{nullptr};
  Made* current = made.load();
  while (current == nullptr || current->generation != process_generation()) {
    auto* const fresh = new Made;
    if (made.compare_exchange_strong(current, fresh)) return fresh->value;
    delete fresh;
  }
  return current->value;
}

}  // namespace rgtp::core
