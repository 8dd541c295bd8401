#include <rgtp/error.h>

namespace rgtp {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::malformed_locator: return "malformed_locator";
    case Errc::malformed_data: return "malformed_data";
    case Errc::too_large: return "too_large";
    case Errc::out_of_range: return "out_of_range";
    case Errc::unknown_surface: return "unknown_surface";
    case Errc::withdrawn: return "withdrawn";
    case Errc::aborted: return "aborted";
    case Errc::denied: return "denied";
    case Errc::wrong_key: return "wrong_key";
    case Errc::already_exposed: return "already_exposed";
    case Errc::source_changed: return "source_changed";
    case Errc::corrupted: return "corrupted";
    case Errc::exposer_gone: return "exposer_gone";
    case Errc::timed_out: return "timed_out";
    case Errc::unreachable: return "unreachable";
    case Errc::host_not_found: return "host_not_found";
    case Errc::address_in_use: return "address_in_use";
    case Errc::unsupported_version: return "unsupported_version";
    case Errc::no_route: return "no_route";
    case Errc::no_space: return "no_space";
    case Errc::already_exists: return "already_exists";
    case Errc::not_found: return "not_found";
    case Errc::io_error: return "io_error";
    case Errc::limit: return "limit";
    case Errc::cancelled: return "cancelled";
    case Errc::closed: return "closed";
    case Errc::would_deadlock: return "would_deadlock";
  }
  return "unknown";
}

}  // namespace rgtp
