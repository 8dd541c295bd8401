// The connections that an exposing side serves, each by a thread, and what was sent by all of them so far.
#pragma once

#include <map>
#include <mutex>
#include <utility>

#include "peers/peer.h"

namespace rgtp::bench {

class Served {
 public:
  // What a connection that is open has sent; nothing where it is known no longer.
  using Tell = Traffic (*)(int connection);
  explicit Served(Tell tell) : tell_(tell) {}

  // For as long as a connection is served; it is open still when this ends.
  class Serving {
   public:
    Serving(Served& all, int connection) : all_(all), connection_(connection) {
      const std::lock_guard lock(all_.mutex_);
      all_.open_.emplace(connection_, Traffic{});
    }
    ~Serving() {
      const std::lock_guard lock(all_.mutex_);
      const auto self = all_.open_.find(connection_);
      all_.by_ended_ += all_.newest(*self);
      all_.open_.erase(self);
    }
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;

   private:
    Served& all_;
    const int connection_;
  };

  // Never less than before.
  Traffic traffic() {
    const std::lock_guard lock(mutex_);
    Traffic sum = by_ended_;
    for (auto& connection : open_) sum += newest(connection);
    return sum;
  }

 private:
  // What was known last of one that its library knows no more of, since its puller has closed it.
  const Traffic& newest(std::pair<const int, Traffic>& connection) const {
    const Traffic told = tell_(connection.first);
    if (told.datagrams || told.again) connection.second = told;
    return connection.second;
  }

  const Tell tell_;
  std::mutex mutex_;
  std::map<int, Traffic> open_;
  Traffic by_ended_;
};

}  // namespace rgtp::bench
