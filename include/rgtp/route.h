// Which transports a pull or an exposer may use, in which order.
#pragma once

#include <string>

#include <rgtp/types.h>

namespace rgtp {

class Route {
 public:
  // Every transport there is, in the order in which they were given. A pull falls back to the next one only
  // before its first chunk.
  static Route automatic() { return {}; }
  // This one or nothing: "udp", "inproc", or the name of a transport of your own.
  static Route only(std::string transport) {
    Route route;
    route.only_ = std::move(transport);
    return route;
  }

  bool allows(std::string_view transport) const { return only_.empty() || only_ == transport; }
  // "auto" or the name.
  std::string to_string() const { return only_.empty() ? "auto" : only_; }

 private:
  std::string only_;
};

}  // namespace rgtp
