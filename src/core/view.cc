#include <rgtp/view.h>

namespace rgtp {

// Not inline: g++ 12 loses track of an optional View's state and warns in the user's code where it can see
// these.
View::View(std::span<const std::byte> bytes, std::uint64_t offset, std::shared_ptr<const void> keep_alive)
    : bytes_(bytes), offset_(offset), keep_alive_(std::move(keep_alive)) {}
View::View(const View&) = default;
View::View(View&&) noexcept = default;
View& View::operator=(const View&) = default;
View& View::operator=(View&&) noexcept = default;
View::~View() = default;

}  // namespace rgtp
