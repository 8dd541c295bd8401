// Errors are values: every fallible call returns a Result<T>, which is tl::expected<T, Error>.
//
//     auto view = pull.complete().get();
//     if (!view) std::cerr << view.error().message() << '\n';
//
// value() of a Result that holds an error throws tl::bad_expected_access<rgtp::Error>, which here is a
// std::runtime_error whose what() is the error's message. Nothing else in this library throws. In a program
// built with -fno-exceptions, value() of an error is undefined: test the Result first.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

#include <rgtp/export.h>

namespace rgtp {

// What went wrong, for a program to decide on. The text in Error is for people.
enum class Errc {
  invalid_argument = 1,  // the caller passed something that cannot work
  malformed_locator,     // the text is not a locator
  malformed_data,        // bytes from outside that do not parse
  too_large,             // above a limit of the format or of an option
  out_of_range,          // a range past the end of the surface
  unknown_surface,       // the exposer has no surface of this id
  withdrawn,             // the exposer took the surface back
  aborted,               // the writer gave up before it finished
  denied,                // the exposer or the kernel refuses this puller
  wrong_key,             // the locator's key, or its lack of one, does not go with the surface that is there
  already_exposed,       // the id is being exposed already
  source_changed,        // the exposed file is not what it was when it was exposed
  corrupted,             // a chunk failed verification again and again
  exposer_gone,          // the exposer's process ended
  timed_out,             // nothing was heard for too long
  unreachable,           // the peer's address cannot be reached
  host_not_found,        // the locator's host name does not resolve
  address_in_use,        // the address to bind is taken
  unsupported_version,   // the peer speaks no version that we speak
  no_route,              // no transport of the route reaches this locator
  no_space,              // the disk or the memory is full
  already_exists,        // the output exists and must not be replaced
  not_found,             // a file or directory is missing
  io_error,              // any other failure of the operating system
  limit,                 // a bounded table of ours is full
  cancelled,             // the handle that this belonged to was destroyed
  closed,                // the event loop is closed
  would_deadlock,        // get() on the loop's own thread for something that is not ready
};

// The name of a code, such as "source_changed".
RGTP_EXPORT std::string_view to_string(Errc code);

// A code and a sentence that says what happened and what to do about it. A value: it copies and compares.
struct Error {
  Errc code = Errc::invalid_argument;
  std::string text;

  const std::string& message() const { return text; }
  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = tl::expected<T, Error>;

// An Error as a Result<T> of any T: `return fail(Errc::denied, "...");`
inline tl::unexpected<Error> fail(Errc code, std::string text) {
  return tl::unexpected<Error>(Error{code, std::move(text)});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace rgtp

template <>
class tl::bad_expected_access<rgtp::Error> : public std::runtime_error {
 public:
  explicit bad_expected_access(rgtp::Error error)
      : std::runtime_error(error.message()), error_(std::move(error)) {}

  const rgtp::Error& error() const { return error_; }

 private:
  rgtp::Error error_;
};
