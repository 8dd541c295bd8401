// The bytes that all ways carry, and what tells that they arrived.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <rgtp/error.h>

namespace rgtp::cli::bench {

// XXH3_64 over bytes that come by and by: finds every flipped one.
class Digest {
 public:
  Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  ~Digest();

  void add(std::span<const std::byte> bytes);
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Bytes of which no two pages are alike, in a file without a name that other processes map.
class Content {
 public:
  // io_error or no_space where the host has no memory for it.
  [[nodiscard]] static Result<Content> make(std::uint64_t size);
  Content(Content&& other) noexcept;
  Content& operator=(Content&&) = delete;
  ~Content();

  std::uint64_t size() const { return size_; }
  // Below /proc, for as long as this lives.
  std::string path() const;
  const std::string& digest() const { return digest_; }

 private:
  Content(int descriptor, std::uint64_t size) : descriptor_(descriptor), size_(size) {}

  int descriptor_;
  std::uint64_t size_;
  std::string digest_;
};

// The content of another process, to read.
class MappedContent {
 public:
  [[nodiscard]] static Result<MappedContent> open(const std::string& path, std::uint64_t size);
  MappedContent(MappedContent&& other) noexcept;
  MappedContent& operator=(MappedContent&&) = delete;
  ~MappedContent();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedContent(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

}  // namespace rgtp::cli::bench
