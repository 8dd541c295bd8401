// The connections that an exposing side serves, each by a thread, and what was sent by all of them so far.
#pragma once

#include <mutex>
#include <set>

#include "peers/peer.h"

namespace rgtp::bench {

class Served {
 public:
  // What a connection that is open has sent.
  using Tell = Traffic (*)(int connection);
  explicit Served(Tell tell) : tell_(tell) {}

  // For as long as a connection is served; it is open still when this ends.
  class Serving {
   public:
    Serving(Served& all, int connection) : all_(all), connection_(connection) {
      const std::lock_guard lock(all_.mutex_);
      all_.open_.insert(connection_);
    }
    ~Serving() {
      const std::lock_guard lock(all_.mutex_);
      all_.by_ended_ += all_.tell_(connection_);
      all_.open_.erase(connection_);
    }
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;

   private:
    Served& all_;
    const int connection_;
  };

  Traffic traffic() const {
    const std::lock_guard lock(mutex_);
    Traffic sum = by_ended_;
    for (const int connection : open_) sum += tell_(connection);
    return sum;
  }

 private:
  const Tell tell_;
  mutable std::mutex mutex_;
  std::set<int> open_;
  Traffic by_ended_;
};

}  // namespace rgtp::bench
