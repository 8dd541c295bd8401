// The limits of one host: a mapping of a file in memory and nothing around it (`mmap`), and the kernel's copy
// from one process to another (`vm`: process_vm_readv(2)).
#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "peers/descriptor.h"
#include "peers/peer.h"

namespace rgtp::bench {

namespace {

class FileExposing : public Exposing {
 public:
  Result<std::string> offer(std::span<const std::byte> content, const std::string&) override {
    file_.emplace(checked(::memfd_create("rgtp-bench-mmap", MFD_CLOEXEC), "memfd_create"));
    for (std::size_t at = 0; at < content.size();)
      at += static_cast<std::size_t>(
          checked(::write(file_->get(), content.data() + at, content.size() - at), "write"));
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file_->get());
  }

 private:
  std::optional<Descriptor> file_;
};

// Mapped once, until the process ends.
class MappingPulling : public Pulling {
 public:
  Result<void> pull(const std::string& where, std::uint64_t size, Consumer& consumer) override {
    if (bytes_.empty()) {
      const Descriptor file = open_file(where, O_RDONLY);
      void* const at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
      if (at == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
      bytes_ = std::span(static_cast<const std::byte*>(at), size);
    }
    consumer.take(bytes_);
    return {};
  }

 private:
  std::span<const std::byte> bytes_;
};

// "PROCESS ADDRESS"
class ProcessExposing : public Exposing {
 public:
  Result<std::string> offer(std::span<const std::byte> content, const std::string&) override {
    memory_.assign(content.begin(), content.end());
    // Where Yama lets only parents look, this lets all of this user's processes.
    ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    return std::to_string(::getpid()) + " " +
           std::to_string(reinterpret_cast<std::uintptr_t>(memory_.data()));
  }

 private:
  std::vector<std::byte> memory_;
};

class ProcessPulling : public Pulling {
 public:
  Result<void> pull(const std::string& where, std::uint64_t size, Consumer& consumer) override {
    const std::size_t space = where.find(' ');
    const auto process = static_cast<pid_t>(std::stol(where.substr(0, space)));
    const std::uintptr_t address = std::stoull(where.substr(space + 1));
    for (std::uint64_t at = 0; at < size;) {
      const iovec to{piece_.data(), piece_.size()};
      const iovec from{reinterpret_cast<void*>(address + at),  // NOLINT(performance-no-int-to-ptr)
                       std::min<std::size_t>(piece_.size(), size - at)};
      const auto got = static_cast<std::size_t>(
          checked(::process_vm_readv(process, &to, 1, &from, 1, 0), "process_vm_readv"));
      consumer.take(std::span(piece_).first(got));
      at += got;
    }
    return {};
  }

 private:
  std::vector<std::byte> piece_ = std::vector<std::byte>(piece_bytes);
};

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) {
  using namespace rgtp::bench;
  return run_peer(
      argc, argv,
      [](const std::string& kind) -> std::unique_ptr<Exposing> {
        if (kind == "mmap") return std::make_unique<FileExposing>();
        return std::make_unique<ProcessExposing>();
      },
      [](const std::string& kind) -> std::unique_ptr<Pulling> {
        if (kind == "mmap") return std::make_unique<MappingPulling>();
        return std::make_unique<ProcessPulling>();
      });
}
