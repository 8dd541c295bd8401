// The command's exit codes: one for each kind of failure that a script may want to tell apart.
#pragma once

#include <rgtp/error.h>

namespace rgtp::cli {

enum class ExitCode : int {
  ok = 0,
  failure = 1,          // anything that has no code of its own
  usage = 2,            // an option, a locator or an address that does not parse
  no_surface = 3,       // the exposer has no surface of this id
  unreachable = 4,      // nothing listens there, no such host, no route
  denied = 5,           // the exposer or the system refuses
  no_space = 6,         // the disk or the memory is full
  not_found = 7,        // a file or a directory is missing
  already_exists = 8,   // the output is there already
  exposer_ended = 9,    // gone, withdrawn, aborted, or its file was changed
  timed_out = 10,       // nothing was heard for too long
  bad_data = 11,        // verification failed, or another version
  address_in_use = 12,  // the port is taken
  wrong_key = 13,       // the locator's key, or its lack of one, is not the surface's
  hung_up = 129,        // SIGHUP
  interrupted = 130,    // SIGINT
  terminated = 143,     // SIGTERM
};

ExitCode exit_code_for(Errc code);
// Of SIGHUP, SIGINT or SIGTERM, where it ended what was to be done.
ExitCode exit_code_for(int signal);

// Prints "rgtp: MESSAGE" to stderr and returns the code for it.
ExitCode report(const Error& error);

}  // namespace rgtp::cli
