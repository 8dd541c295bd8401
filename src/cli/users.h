// Users and groups as somebody types and reads them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <rgtp/access.h>
#include <rgtp/error.h>

namespace rgtp::cli {

// By name or number; nothing where there is none of that name.
std::optional<uid_t> user_called(const std::string& text);
std::optional<gid_t> group_called(const std::string& text);
// The name of a user, or the number where there is none.
std::string name_of_user(uid_t user);

// "all", users, and groups behind an @: of everything that was named, together. invalid_argument for what
// there is not.
Result<Access> access_for(const std::vector<std::string>& names);

}  // namespace rgtp::cli
