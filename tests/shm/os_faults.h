// Faults of the operating system, made from outside the code under test. Each function runs `body` on a
// thread of its own, because what Linux takes from a thread (system calls, capabilities, its view of the
// mounts) ends with that thread and concerns no other.
#pragma once

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rgtp::shm {

// A system call that fails with `error` where one of `flags` is set in its argument number `argument`;
// whatever its arguments where `flags` is 0.
struct RefusedCall {
  long number;
  int error;
  unsigned argument = 0;
  std::uint32_t flags = 0;
};

inline bool refuse_calls(const std::vector<RefusedCall>& calls) {
  static_assert(std::endian::native == std::endian::little, "the filter reads the low half of an argument");
  const auto load = [](std::size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  std::vector<sock_filter> program;
  for (const RefusedCall& call : calls) {
    const std::uint32_t failure = SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(call.error) & 0xffff);
    program.push_back(load(offsetof(seccomp_data, nr)));
    const std::uint8_t rest = call.flags != 0 ? 3 : 1;
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number), 0, rest));
    if (call.flags != 0) {
      program.push_back(load(offsetof(seccomp_data, args) + 8 * call.argument));
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, call.flags, 0, 1));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, failure));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// True where the body was run.
inline bool on_a_thread_refused(const std::vector<RefusedCall>& calls, const std::function<void()>& body) {
  bool ready = false;
  std::thread([&] {
    ready = refuse_calls(calls);
    if (ready) body();
  }).join();
  return ready;
}

// Root, too, is then denied what the mode bits deny.
inline bool on_a_thread_without_capabilities(const std::function<void()>& body) {
  bool ready = false;
  std::thread([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    ready = ::syscall(SYS_capset, &header, none) == 0;
    if (ready) body();
  }).join();
  return ready;
}

// With a tmpfs of `bytes` bytes mounted on `directory`, seen by that thread only. Needs root.
inline bool on_a_thread_with_a_small_disk(const std::filesystem::path& directory, std::uint64_t bytes,
                                          const std::function<void()>& body) {
  bool ready = false;
  std::thread([&] {
    const std::string options = "size=" + std::to_string(bytes);
    ready = ::unshare(CLONE_NEWNS) == 0 &&
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
            ::mount("tmpfs", directory.c_str(), "tmpfs", 0, options.c_str()) == 0;
    if (ready) body();
  }).join();
  return ready;
}

}  // namespace rgtp::shm
