// Fixed-width little-endian numbers in byte strings: what the manifest's and the datagrams' codecs share.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace rgtp::core {

static_assert(std::endian::native == std::endian::little, "big-endian hosts are not supported yet");

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Writes one field after the other. The caller has checked that they fit.
class ByteWriter {
 public:
  explicit ByteWriter(std::span<std::byte> out) : out_(out) {}

  template <class T>
  void put(T value) {
    static_assert(std::is_unsigned_v<T>);
    put_bytes(std::as_bytes(std::span(&value, 1)));
  }
  void put_bytes(std::span<const std::byte> bytes) {
    assert(used_ + bytes.size() <= out_.size());
    if (!bytes.empty()) std::memcpy(out_.data() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
  }
  void put_zeros(std::size_t count) {
    assert(used_ + count <= out_.size());
    if (count > 0) std::memset(out_.data() + used_, 0, count);
    used_ += count;
  }
  std::size_t used() const { return used_; }

 private:
  std::span<std::byte> out_;
  std::size_t used_ = 0;
};

// Reads one field after the other. Reading past the end gives zeros and makes ok() false for good, so that a
// parser checks once, at its end.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> in) : in_(in) {}

  template <class T>
  T get() {
    static_assert(std::is_unsigned_v<T>);
    T value = 0;
    get_into(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  void get_into(std::span<std::byte> out) {
    const auto bytes = get_bytes(out.size());
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    if (bytes.size() < out.size()) std::memset(out.data(), 0, out.size());
  }
  // Empty where there are not that many left.
  std::span<const std::byte> get_bytes(std::size_t count) {
    if (count > in_.size()) {
      ok_ = false;
      in_ = {};
      return {};
    }
    const auto bytes = in_.first(count);
    in_ = in_.subspan(count);
    return bytes;
  }
  // Skips bytes that must be zero; a set one makes ok() false.
  void expect_zeros(std::size_t count) {
    for (const std::byte byte : get_bytes(count))
      if (byte != std::byte{0}) ok_ = false;
  }
  std::size_t left() const { return in_.size(); }
  bool ok() const { return ok_; }

 private:
  std::span<const std::byte> in_;
  bool ok_ = true;
};

}  // namespace rgtp::core
