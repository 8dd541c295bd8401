// The timestamps that answers repeat, in order: so that an answer which comes twice, or is replayed, is heard
// once.
#pragma once

#include <cstdint>
#include <optional>

namespace rgtp::packet {

class NewestStamp {
 public:
  // True for a timestamp later than all before. They wrap, after 71 minutes.
  bool admit(std::uint32_t timestamp) {
    if (newest_ && static_cast<std::int32_t>(timestamp - *newest_) <= 0) return false;
    newest_ = timestamp;
    return true;
  }

 private:
  std::optional<std::uint32_t> newest_;
};

}  // namespace rgtp::packet
