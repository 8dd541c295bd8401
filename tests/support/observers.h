// Observers for tests: one that ignores what happens, one that writes it down.
#pragma once

#include <cstddef>
#include <variant>
#include <vector>

#include <rgtp/observer.h>

namespace rgtp::test {

class NullObserver : public Observer {
 public:
  void on_event(const Event& /*event*/) override {}
};

class RecordingObserver : public Observer {
 public:
  void on_event(const Event& event) override { events_.push_back(event); }

  const std::vector<Event>& events() const { return events_; }
  void clear() { events_.clear(); }

  // The events of one kind, in the order in which they came: all<event::ChunkVerified>().
  template <class Kind>
  std::vector<Kind> all() const {
    std::vector<Kind> found;
    for (const Event& event : events_)
      if (const Kind* kind = std::get_if<Kind>(&event)) found.push_back(*kind);
    return found;
  }
  template <class Kind>
  std::size_t count() const {
    return all<Kind>().size();
  }

 private:
  std::vector<Event> events_;
};

}  // namespace rgtp::test
