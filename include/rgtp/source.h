// Where an exposed surface's bytes come from. A copyable value that holds no more than a description.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include <rgtp/types.h>

namespace rgtp {

class RGTP_EXPORT Source {
 public:
  // A file, served in place: it must not change while it is exposed. Pulls of one that did end with
  // source_changed. Times show writing, cutting and replacing; a store through somebody's writable mapping
  // changes none, and is caught by the tags of the chunks that it hit, where they are verified: as corrupted.
  // A view that was given before shows whatever is done to the file, unless it was verified as a copy, and
  // reading one of a file that is cut short is a signal (SIGBUS). snapshot() has none of that.
  static Source file(std::filesystem::path path);
  // A file as it is when it is exposed: copied into memory by a worker thread, after which it may change.
  // source_changed where it changes meanwhile.
  static Source snapshot(std::filesystem::path path);
  // Bytes that are copied before expose() returns.
  static Source bytes(std::span<const std::byte> bytes);
  // Bytes that are copied on a worker thread; the vector is kept until then.
  static Source bytes(std::vector<std::byte> bytes);
  // The same for memory that `keep_alive` owns and nobody writes to meanwhile.
  static Source bytes(std::span<const std::byte> bytes, std::shared_ptr<const void> keep_alive);

  struct File {
    std::filesystem::path path;
  };
  struct Snapshot {
    std::filesystem::path path;
  };
  struct Memory {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> keep_alive;  // none: the caller's, to be copied before expose() returns
  };
  const std::variant<File, Snapshot, Memory>& what() const { return what_; }

 private:
  explicit Source(std::variant<File, Snapshot, Memory> what) : what_(std::move(what)) {}

  std::variant<File, Snapshot, Memory> what_;
};

}  // namespace rgtp
