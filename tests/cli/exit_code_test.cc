#include "cli/exit_code.h"

#include <csignal>
#include <map>

#include <gtest/gtest.h>

#include "cli/command_fixture.h"

namespace rgtp::test {
namespace {

const std::map<Errc, int> promised = {
    {Errc::invalid_argument, exit_code::usage},
    {Errc::malformed_locator, exit_code::usage},
    {Errc::malformed_data, exit_code::bad_data},
    {Errc::too_large, exit_code::failure},
    {Errc::out_of_range, exit_code::usage},
    {Errc::unknown_surface, exit_code::no_surface},
    {Errc::withdrawn, exit_code::exposer_ended},
    {Errc::aborted, exit_code::exposer_ended},
    {Errc::denied, exit_code::denied},
    {Errc::wrong_key, exit_code::wrong_key},
    {Errc::already_exposed, exit_code::failure},
    {Errc::source_changed, exit_code::exposer_ended},
    {Errc::corrupted, exit_code::bad_data},
    {Errc::exposer_gone, exit_code::exposer_ended},
    {Errc::timed_out, exit_code::timed_out},
    {Errc::unreachable, exit_code::unreachable},
    {Errc::host_not_found, exit_code::unreachable},
    {Errc::address_in_use, exit_code::address_in_use},
    {Errc::unsupported_version, exit_code::bad_data},
    {Errc::no_route, exit_code::unreachable},
    {Errc::no_space, exit_code::no_space},
    {Errc::already_exists, exit_code::already_exists},
    {Errc::not_found, exit_code::not_found},
    {Errc::io_error, exit_code::failure},
    {Errc::limit, exit_code::failure},
    {Errc::cancelled, exit_code::failure},
    {Errc::closed, exit_code::failure},
    {Errc::would_deadlock, exit_code::failure},
};

TEST(ExitCode, IsTheOneThatIsPromised) {
  for (const auto& [error, code] : promised)
    EXPECT_EQ(static_cast<int>(cli::exit_code_for(error)), code) << to_string(error);
}

TEST(ExitCode, IsPromisedForEveryError) {
  int errors = 0;
  while (to_string(static_cast<Errc>(errors + 1)) != "unknown") ++errors;
  for (int i = 1; i <= errors; ++i)
    EXPECT_TRUE(promised.contains(static_cast<Errc>(i))) << to_string(static_cast<Errc>(i));
  EXPECT_EQ(promised.size(), static_cast<std::size_t>(errors));
}

TEST(ExitCode, OfASignalIsWhatAShellWouldTell) {
  for (const int signal : {SIGHUP, SIGINT, SIGTERM})
    EXPECT_EQ(static_cast<int>(cli::exit_code_for(signal)), 128 + signal);
}

}  // namespace
}  // namespace rgtp::test
