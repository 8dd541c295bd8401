// Regions that behave like files: no memory to look into, and bytes that may not be there at once.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include <rgtp/region.h>

namespace rgtp::test {

class FakeFileRegion : public Region {
 public:
  explicit FakeFileRegion(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  std::uint64_t size() const override { return bytes_.size(); }
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode mode) const override {
    if (read_error_) return fail(*read_error_, "as the test wants it");
    if (mode == ReadMode::cached_only && !cached_) return ReadStatus::would_block;
    if (mode == ReadMode::may_block) {
      ++blocking_reads_;
      cached_ = true;
    }
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return ReadStatus::done;
  }
  Result<void> write(std::uint64_t offset, std::span<const std::byte> in) override {
    std::copy(in.begin(), in.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  std::span<const std::byte> mapped() const override { return {}; }
  std::span<std::byte> writable() override { return {}; }
  Result<void> check_unchanged(ReadMode /*mode*/) const override {
    if (changed_) return fail(Errc::source_changed, "as the test wants it");
    return {};
  }

  // What was not read with may_block since has to be waited for.
  void evict() { cached_ = false; }
  void change() { changed_ = true; }
  void fail_reads(Errc code) { read_error_ = code; }
  int blocking_reads() const { return blocking_reads_; }

 private:
  std::vector<std::byte> bytes_;
  mutable bool cached_ = true;
  mutable int blocking_reads_ = 0;
  bool changed_ = false;
  std::optional<Errc> read_error_;
};

}  // namespace rgtp::test
