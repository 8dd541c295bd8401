#include "cli/bench/content.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

namespace rgtp::cli::bench {

namespace {

tl::unexpected<Error> no_memory(std::uint64_t size) {
  const int error = errno;
  return fail(error == ENOMEM || error == ENOSPC ? Errc::no_space : Errc::io_error,
              fmt::format("no memory for {} bytes to carry: {}: measure smaller ones (--size)", size,
                          std::generic_category().message(error)));
}

// splitmix64, https://prng.di.unimi.it/splitmix64.c
void fill(std::span<std::byte> bytes) {
  std::uint64_t seed = bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += sizeof seed) {
    std::uint64_t word = seed += 0x9e3779b97f4a7c15;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    std::memcpy(bytes.data() + at, &word, std::min(sizeof word, bytes.size() - at));
  }
}

}  // namespace

struct Digest::State {
  XXH3_state_t* const hash = XXH3_createState();
  ~State() { XXH3_freeState(hash); }
};

Digest::Digest() : state_(std::make_unique<State>()) { XXH3_64bits_reset(state_->hash); }
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

void Digest::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_->hash, bytes.data(), bytes.size());
}

std::string Digest::text() const { return fmt::format("{:016x}", XXH3_64bits_digest(state_->hash)); }

Result<Content> Content::make(std::uint64_t size) {
  const int descriptor = ::memfd_create("rgtp-bench", MFD_CLOEXEC);
  if (descriptor < 0) return no_memory(size);
  Content content(descriptor, size);
  // Whoever lacks the memory is to hear of it now, and not by a signal in fill().
  if (const int error = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size)); error != 0) {
    errno = error;
    return no_memory(size);
  }
  void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (at == MAP_FAILED) return no_memory(size);
  const std::span bytes(static_cast<std::byte*>(at), size);
  fill(bytes);
  Digest digest;
  digest.add(bytes);
  content.digest_ = digest.text();
  ::munmap(at, size);
  return content;
}

Content::Content(Content&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      digest_(std::move(other.digest_)) {}

Content::~Content() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string Content::path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), descriptor_); }

Result<MappedContent> MappedContent::open(const std::string& path, std::uint64_t size) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(Errc::io_error, path + ": " + std::generic_category().message(errno) +
                                    ": does the process that measures still run?");
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor, 0);
  ::close(descriptor);
  if (at == MAP_FAILED) return no_memory(size);
  return MappedContent(std::span(static_cast<const std::byte*>(at), size));
}

MappedContent::MappedContent(MappedContent&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedContent::~MappedContent() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace rgtp::cli::bench
