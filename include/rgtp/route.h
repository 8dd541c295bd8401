// Which transports a pull or an exposer may use, in which order.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <rgtp/types.h>

namespace rgtp {

class Route {
 public:
  // Every transport there is, in the order in which they were given: memory before packets. A pull falls back
  // to the next one only before its first chunk.
  static Route automatic() { return {}; }
  // This one or nothing: "shm", "udp", "inproc", or the name of a transport of your own.
  static Route only(std::string transport) { return among({std::move(transport)}); }
  // These, in the order in which they were given to the handle.
  static Route among(std::vector<std::string> transports) {
    Route route;
    route.named_ = std::move(transports);
    return route;
  }

  bool is_automatic() const { return named_.empty(); }
  bool allows(std::string_view transport) const {
    return is_automatic() || std::find(named_.begin(), named_.end(), transport) != named_.end();
  }
  // "auto" or the names.
  std::string to_string() const {
    if (is_automatic()) return "auto";
    std::string text;
    for (const std::string& name : named_) text += (text.empty() ? "" : ",") + name;
    return text;
  }

 private:
  std::vector<std::string> named_;
};

}  // namespace rgtp
