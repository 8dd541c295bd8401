#include "cli/users.h"

#include <algorithm>
#include <charconv>

#include <grp.h>
#include <pwd.h>

namespace rgtp::cli {

namespace {

std::optional<id_t> number_named(const std::string& text) {
  id_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  return is_number ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<uid_t> user_called(const std::string& text) {
  if (const auto number = number_named(text)) return number;
  const passwd* const entry = getpwnam(text.c_str());
  return entry != nullptr ? std::optional(entry->pw_uid) : std::nullopt;
}

std::optional<gid_t> group_called(const std::string& text) {
  if (const auto number = number_named(text)) return number;
  const group* const entry = getgrnam(text.c_str());
  return entry != nullptr ? std::optional(entry->gr_gid) : std::nullopt;
}

std::string name_of_user(uid_t user) {
  const passwd* const entry = getpwuid(user);
  return entry != nullptr ? entry->pw_name : std::to_string(user);
}

Result<Access> access_for(const std::vector<std::string>& names) {
  if (std::ranges::count(names, "all") > 0) return Access::everyone();
  std::vector<uid_t> users;
  std::vector<gid_t> groups;
  for (const std::string& name : names) {
    const bool is_group = name.starts_with('@');
    const auto id = is_group ? group_called(name.substr(1)) : user_called(name);
    if (!id)
      return fail(Errc::invalid_argument,
                  "there is no " +
                      (is_group ? "group called '" + name.substr(1) + "'" : "user called '" + name + "'") +
                      ": expected USER, @GROUP or all");
    (is_group ? groups : users).push_back(*id);
  }
  return Access::named(std::move(users), std::move(groups));
}

}  // namespace rgtp::cli
