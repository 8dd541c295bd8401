// rgtp://local/<name>: a file of that name in the user's own directory, holding a locator: of a sealed
// surface without its key, unless that is asked for.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <rgtp/locator.h>

#include "shm/owner.h"
#include "shm/user_directory.h"

namespace rgtp::shm {

// A name that a surface has. Destroying it gives the name up, unless a newer surface took it over.
class LocalName {
 public:
  // Takes the name, over from whoever has it. Errors: malformed_locator for one that cannot be,
  // UserDirectory's, Owner's.
  [[nodiscard]] static Result<std::unique_ptr<LocalName>> take(std::string_view name, const Locator& locator);
  ~LocalName();
  // The name stays when this goes, and is good for as long as its surface does.
  void leave() { left_ = true; }
  LocalName(const LocalName&) = delete;
  LocalName& operator=(const LocalName&) = delete;

 private:
  LocalName(std::string name, std::shared_ptr<Owner> owner, ino_t inode);

  const std::string name_;
  const std::shared_ptr<Owner> owner_;
  const ino_t inode_;
  bool left_ = false;
};

// unknown_surface where nobody has the name, exposer_gone where who had it is dead and did not leave the
// surface to stay.
[[nodiscard]] Result<Locator> find_local_name(std::string_view name);

// What a name's file says.
struct LocalNameFile {
  Locator locator;
  OwnerId owner;
};
// Of a locator and 32 hex digits, a line each; nothing where it is anything else.
std::optional<LocalNameFile> parse_local_name(std::string_view text);
// Whether nobody can find a surface by it any more.
bool is_dead(const std::filesystem::path& directory, const LocalNameFile& name, uid_t user);
// malformed_data, not_found.
[[nodiscard]] Result<LocalNameFile> read_local_name(const UserDirectory& directory, const std::string& name);

}  // namespace rgtp::shm
