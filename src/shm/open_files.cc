#include "shm/open_files.h"

#include <algorithm>

namespace rgtp::shm {

OpenFiles::File OpenFiles::find(const void* key) {
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    if (entry.key != key) continue;
    entry.used = ++uses_;
    return entry.file;
  }
  return nullptr;
}

void OpenFiles::keep(const void* key, File file) {
  File closed;  // behind the lock
  const std::lock_guard lock(mutex_);
  auto place = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  if (place == entries_.end() && entries_.size() < most) place = entries_.insert(place, Entry{});
  if (place == entries_.end())
    place = std::min_element(entries_.begin(), entries_.end(),
                             [](const Entry& a, const Entry& b) { return a.used < b.used; });
  closed = std::exchange(place->file, std::move(file));
  place->key = key;
  place->used = ++uses_;
}

void OpenFiles::drop(const void* key) {
  File closed;
  const std::lock_guard lock(mutex_);
  const auto place =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  if (place == entries_.end()) return;
  closed = std::move(place->file);
  entries_.erase(place);
}

}  // namespace rgtp::shm
