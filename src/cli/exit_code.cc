#include "cli/exit_code.h"

#include <csignal>

#include <fmt/format.h>

#include "cli/console.h"

namespace rgtp::cli {

ExitCode exit_code_for(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::malformed_locator:
    case Errc::out_of_range: return ExitCode::usage;
    case Errc::unknown_surface: return ExitCode::no_surface;
    case Errc::unreachable:
    case Errc::host_not_found:
    case Errc::no_route: return ExitCode::unreachable;
    case Errc::denied: return ExitCode::denied;
    case Errc::wrong_key: return ExitCode::wrong_key;
    case Errc::no_space: return ExitCode::no_space;
    case Errc::not_found: return ExitCode::not_found;
    case Errc::already_exists: return ExitCode::already_exists;
    case Errc::withdrawn:
    case Errc::aborted:
    case Errc::source_changed:
    case Errc::exposer_gone: return ExitCode::exposer_ended;
    case Errc::timed_out: return ExitCode::timed_out;
    case Errc::corrupted:
    case Errc::malformed_data:
    case Errc::unsupported_version: return ExitCode::bad_data;
    case Errc::address_in_use: return ExitCode::address_in_use;
    case Errc::too_large:
    case Errc::already_exposed:
    case Errc::io_error:
    case Errc::limit:
    case Errc::cancelled:
    case Errc::closed:
    case Errc::would_deadlock: break;
  }
  return ExitCode::failure;
}

ExitCode exit_code_for(int signal) {
  switch (signal) {
    case SIGHUP: return ExitCode::hung_up;
    case SIGTERM: return ExitCode::terminated;
    default: return ExitCode::interrupted;
  }
}

ExitCode report(const Error& error) {
  say(fmt::format("rgtp: {}\n", error.message()));
  return exit_code_for(error.code);
}

}  // namespace rgtp::cli
