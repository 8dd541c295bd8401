#include "cli/doctor.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <rgtp/host.h>
#include <rgtp/transports.h>

#include "cli/progress_bar.h"

namespace rgtp::cli {

namespace fs = std::filesystem;

namespace {

// Below it a process cannot have its sockets, its 64 exposed files and what else it does.
constexpr std::uint64_t few_open_files = 256;
// What a UDP socket of this library asks for to send from.
constexpr std::uint64_t wanted_to_send = 256 * 1024;

std::string bytes_text(std::uint64_t bytes) { return human_bytes(static_cast<double>(bytes)); }

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

std::optional<std::uint64_t> number_of_file(const fs::path& file) {
  const std::string line = first_line(file);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  return error == std::errc{} && end != line.data() ? std::optional(number) : std::nullopt;
}

// The word in brackets of a choice such as "always [never] force".
std::string chosen_in(const fs::path& file) {
  const std::string line = first_line(file);
  const std::size_t begin = line.find('[');
  const std::size_t end = line.find(']');
  return begin < end && end != line.npos ? line.substr(begin + 1, end - begin - 1) : std::string();
}

std::optional<std::uint64_t> limit_of(__rlimit_resource resource) {
  rlimit limit = {};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

std::optional<HostSettings::SharedMemory> shared_memory_at(const fs::path& directory) {
  struct statvfs space = {};
  std::error_code error;
  if (!fs::is_directory(directory, error) || ::statvfs(directory.c_str(), &space) != 0) return std::nullopt;
  HostSettings::SharedMemory memory;
  memory.bytes = std::uint64_t{space.f_blocks} * space.f_frsize;
  memory.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  memory.is_writable = ::access(directory.c_str(), W_OK | X_OK) == 0;
  // A file system without them says so; one that has them says that this directory has none.
  memory.has_access_lists =
      ::getxattr(directory.c_str(), "system.posix_acl_access", nullptr, 0) >= 0 || errno == ENODATA;
  memory.huge = "never";
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, place, type, options;
    if (!(words >> device >> place >> type >> options) || place != directory) continue;
    memory.file_system = type;
    const std::size_t at = options.find("huge=");
    if (at != options.npos) memory.huge = options.substr(at + 5, options.find(',', at) - at - 5);
  }
  return memory;
}

using Grade = Finding::Grade;

Finding of_shared_memory(const HostSettings& settings) {
  const std::string& name = settings.directory.string();
  if (!settings.shared_memory)
    return {Grade::broken, "there is no " + name, "everything goes by packets, also on this host",
            "mount -t tmpfs -o mode=1777 tmpfs " + name};
  const auto& memory = *settings.shared_memory;
  if (!memory.is_writable)
    return {Grade::broken, name + " may not be written to by this user",
            "what is exposed goes by packets, also on this host", "chmod 1777 " + name};
  if (memory.file_system != "tmpfs")
    return {Grade::costs, fmt::format("{} is no file system of its own in memory", name),
            "surfaces are written to a disk, too", "mount -t tmpfs -o mode=1777 tmpfs " + name};
  Finding finding{
      Grade::good,
      fmt::format("{} has {} of {} free", name, bytes_text(memory.free_bytes), bytes_text(memory.bytes)), "",
      ""};
  if (memory.free_bytes >= memory.bytes / 10 && memory.bytes >= settings.memory_bytes.value_or(0) / 8)
    return finding;
  finding.grade = Grade::costs;
  finding.cost = "a surface that is copied or written must fit there; a file is served in place and need not";
  finding.remedy =
      fmt::format("mount -o remount,size=50% {}; in a container its option, such as --shm-size", name);
  return finding;
}

Finding of_huge_pages(const HostSettings& settings) {
  const auto& memory = *settings.shared_memory;
  Finding finding{Grade::good, fmt::format("huge pages in {}: {}", settings.directory.string(), memory.huge),
                  "", ""};
  const bool given =
      settings.shmem_enabled != "deny" &&
      (memory.huge == "always" || memory.huge == "within_size" || settings.shmem_enabled == "force");
  if (given) return finding;
  finding.grade = Grade::costs;
  finding.cost =
      "what is pulled in its first ten seconds is mapped in small pages, and first read at half the rate";
  finding.remedy = settings.shmem_enabled == "deny"
                       ? "echo never >/sys/kernel/mm/transparent_hugepage/shmem_enabled, and huge=within_size"
                       : fmt::format("mount -o remount,huge=within_size {}", settings.directory.string());
  return finding;
}

Finding of_access_lists(const HostSettings& settings) {
  if (settings.shared_memory->has_access_lists)
    return {Grade::good, "surfaces may be given to users and groups by name", "", ""};
  return {Grade::broken, "access control lists are unknown to " + settings.directory.string(),
          "a surface is the exposer's alone, or everybody's", "use a kernel with CONFIG_TMPFS_POSIX_ACL"};
}

Finding of_buffer(const char* sysctl, std::uint64_t bytes, std::uint64_t wanted, const std::string& cost) {
  Finding finding{Grade::good, fmt::format("{}: {}", sysctl, bytes_text(bytes)), "", ""};
  if (bytes >= wanted) return finding;
  finding.grade = Grade::costs;
  finding.cost = cost;
  finding.remedy = fmt::format("sysctl -w {}={}", sysctl, wanted);
  return finding;
}

Finding of_open_files(std::uint64_t limit) {
  Finding finding{Grade::good, fmt::format("open files a process: {}", limit), "", ""};
  if (limit >= few_open_files) return finding;
  finding.grade = Grade::costs;
  finding.cost = "many pulls at once by one process may end with an error";
  finding.remedy = "ulimit -n 1024";
  return finding;
}

Finding of_leftovers(const HostSettings& settings) {
  if (settings.dead_surfaces == 0 && settings.dead_names == 0)
    return {Grade::good, "nothing is left of exposers that have ended", "", ""};
  return {Grade::costs,
          fmt::format("{} surfaces are left of exposers that have ended, and {} names and lock files",
                      settings.dead_surfaces, settings.dead_names),
          fmt::format("they hold {} of memory", bytes_text(settings.dead_bytes)), "rgtp gc"};
}

}  // namespace

HostSettings read_host_settings(const fs::path& directory) {
  HostSettings settings{.directory = directory};
  settings.shared_memory = shared_memory_at(directory);
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  if (pages > 0)
    settings.memory_bytes =
        static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  settings.shmem_enabled = chosen_in("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  settings.receive_buffer_max = number_of_file("/proc/sys/net/core/rmem_max");
  settings.send_buffer_max = number_of_file("/proc/sys/net/core/wmem_max");
  settings.open_files = limit_of(RLIMIT_NOFILE);
  settings.address_space = limit_of(RLIMIT_AS);
  settings.mappings = number_of_file("/proc/sys/vm/max_map_count");
  if (const auto left = clear_host(directory, {.look_only = true})) {
    settings.dead_surfaces = left->segments;
    settings.dead_names = left->names + left->owners;
    settings.dead_bytes = left->bytes;
  }
  return settings;
}

std::vector<Finding> diagnose(const HostSettings& settings) {
  std::vector<Finding> findings = {of_shared_memory(settings)};
  if (settings.shared_memory && settings.shared_memory->file_system == "tmpfs") {
    findings.push_back(of_huge_pages(settings));
    findings.push_back(of_access_lists(settings));
  }
  if (settings.receive_buffer_max)
    findings.push_back(of_buffer(
        "net.core.rmem_max", *settings.receive_buffer_max, UdpOptions().receive_buffer_bytes,
        fmt::format(
            "of what comes while a puller does not run all beyond {} is lost, after {:.1f} ms at 1 Gbit/s",
            bytes_text(*settings.receive_buffer_max),
            static_cast<double>(*settings.receive_buffer_max) / 125e3)));
  if (settings.send_buffer_max)
    findings.push_back(of_buffer("net.core.wmem_max", *settings.send_buffer_max, wanted_to_send,
                                 "an exposer hands the kernel less at once, and waits more often"));
  if (settings.open_files) findings.push_back(of_open_files(*settings.open_files));
  if (settings.address_space)
    findings.push_back({Grade::costs,
                        fmt::format("addresses a process: {}", bytes_text(*settings.address_space)),
                        "what is exposed or pulled by memory must fit in", "ulimit -v unlimited"});
  if (settings.mappings)
    findings.push_back(
        {Grade::good,
         fmt::format("mappings a process: {}, of which a surface takes one or two", *settings.mappings), "",
         ""});
  findings.push_back(of_leftovers(settings));
  return findings;
}

std::string report_on(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    const char* const grade = finding.grade == Grade::good    ? "good"
                              : finding.grade == Grade::costs ? "costs"
                                                              : "broken";
    text += fmt::format("{:<8}{}\n", grade, finding.what);
    if (!finding.cost.empty())
      text += fmt::format("{:<8}{}\n{:<8}try: {}\n", "", finding.cost, "", finding.remedy);
  }
  return text;
}

}  // namespace rgtp::cli
