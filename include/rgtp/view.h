// A read-only hold on a surface's bytes: it keeps the memory they are in. Copies share the hold.
#pragma once

#include <memory>
#include <span>

#include <rgtp/types.h>

namespace rgtp {

class RGTP_EXPORT View {
 public:
  View(std::span<const std::byte> bytes, std::uint64_t offset, std::shared_ptr<const void> keep_alive);
  View(const View&);
  View(View&&) noexcept;
  View& operator=(const View&);
  View& operator=(View&&) noexcept;
  ~View();

  // Valid for as long as this View or a copy of it lives: which it has to until the kernel is done with
  // bytes that were given to splice(2), vmsplice(2) or a sending that does not copy.
  std::span<const std::byte> bytes() const { return bytes_; }
  std::uint64_t size() const { return bytes_.size(); }
  // Where in the surface the first byte stands.
  std::uint64_t offset() const { return offset_; }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t offset_;
  std::shared_ptr<const void> keep_alive_;
};

}  // namespace rgtp
