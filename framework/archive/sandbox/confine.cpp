#include "archive/sandbox/confine.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <system_error>

#include "archive/hdf5/read_limits.hpp"
#include "core/files/file_descriptor.hpp"

// A file from elsewhere may exploit a fault of libhdf5 or ask for unbounded memory. The process
// that reads it therefore gives up memory, time and files by resource limits and, through Landlock,
// access to the file system. These limits cannot be lifted again by the process itself.

namespace lensbench {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20, kGiB = std::uint64_t{1} << 30;

/// Lowers a resource limit to `most`; a limit that is lower already stays, since the caller of the
/// command may have set it. A failure is ignored: the other limits still apply.
void limit(decltype(RLIMIT_AS) resource, rlim_t most) {
  rlimit current{};
  if (getrlimit(resource, &current) != 0) return;
  if (current.rlim_cur != RLIM_INFINITY && current.rlim_cur <= most) return;
  // The hard limit is a second higher, so that the process ends by SIGXCPU, which names the cause,
  // and not by SIGKILL.
  const rlim_t hard = resource == RLIMIT_CPU ? most + 1 : most;
  const rlimit lower{most, std::min(current.rlim_max, hard)};
  setrlimit(resource, &lower);
}

/// Size in bytes; 0 for a file whose size is unknown: opening it will report why.
std::uint64_t size_of(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return error ? 0 : size;
}

// System calls and structures of Landlock are defined here, because not all versions of libc and of
// the kernel headers have them.
constexpr long kCreateRuleset = 444, kAddRule = 445, kRestrictSelf = 446;
constexpr int kRulePathBeneath = 1;

/// First bytes of `struct landlock_ruleset_attr`. The kernel takes its size from the caller, so
/// that later fields may be missing.
struct Ruleset {
  std::uint64_t files;    ///< file rights that are denied unless a rule allows them
  std::uint64_t network;  ///< network rights, since version 4
};

/// `struct landlock_path_beneath_attr`, which the kernel defines without padding.
struct __attribute__((packed)) PathRule {
  std::uint64_t allowed;
  std::int32_t parent;
};

/// The rights of `LANDLOCK_ACCESS_FS_*` that are granted; a ruleset denies all others.
enum FileRight : std::uint64_t {
  kWriteFile = 1 << 1,
  kReadFile = 1 << 2,
  kReadDir = 1 << 3,
  kRemoveFile = 1 << 5,
  kMakeFile = 1 << 8,
  kTruncate = 1 << 14,
};

/// Version of the kernel's Landlock interface; -1 if the kernel lacks it or it is disabled.
long landlock_version() {
  constexpr unsigned kAskVersion = 1;
  return ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
}

/// All file rights of a version of Landlock.
std::uint64_t all_rights(long version) {
  // Version 2 added moves between folders, version 3 truncation, version 5 commands to devices. A
  // bit that the kernel does not know would make the whole ruleset invalid.
  const int bits = version == 1 ? 13 : version == 2 ? 14 : version < 5 ? 15 : 16;
  return (std::uint64_t{1} << bits) - 1;
}

/// Grants rights to one path and what is below it. A path that cannot be opened remains denied.
void allow(int ruleset, const std::filesystem::path& path, std::uint64_t rights) {
  const FileDescriptor file(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file) return;
  const PathRule rule{rights, file.get()};
  ::syscall(kAddRule, ruleset, kRulePathBeneath, &rule, 0);
}

void confine_files(const Access& access) {
  const long version = landlock_version();
  if (version < 1) return;
  const std::uint64_t known = all_rights(version);
  // The network rights 1 and 2 are to bind and to connect TCP sockets; without a rule all are
  // denied.
  const Ruleset forbidden{known, 3};
  // Kernels before version 4 refuse a structure with a longer size whose new fields are not 0.
  const std::size_t size = version < 4 ? sizeof forbidden.files : sizeof forbidden;
  const FileDescriptor ruleset(static_cast<int>(::syscall(kCreateRuleset, &forbidden, size, 0)));
  if (!ruleset) return;
  for (const auto& file : access.files) allow(ruleset.get(), file, kReadFile);
  for (const auto* folders : {&access.folders, &access.system})
    for (const auto& folder : *folders)
      allow(ruleset.get(), folder, known & (kReadFile | kReadDir));
  for (const auto& folder : access.writable)
    allow(ruleset.get(), folder.empty() ? "." : folder,
          known & (kWriteFile | kReadFile | kReadDir | kRemoveFile | kMakeFile | kTruncate));
  ::syscall(kRestrictSelf, ruleset.get(), 0);
}

}  // namespace

ReadLimits limits_for(const Access& access) {
  std::uint64_t bytes = 0;
  for (const auto& file : access.files) bytes += size_of(file);
  for (const auto& folder : access.folders) {
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator entry(folder, error), end;
         !error && entry != end; entry.increment(error))
      bytes += size_of(entry->path());
  }
  // Reading an archive takes several times its size in memory, and a diff reads two. The fixed part
  // is for the libraries and for small files.
  ReadLimits limits{768 * kMiB + 16 * bytes + extra_gib() * kGiB,
                    10 + 10 * (bytes / kMiB) + 600 * extra_gib(), 0};
  // The wall time is only a stop for a child that waits for ever; time spent computing is limited
  // by the CPU seconds, which do not depend on the load of the machine.
  limits.wall_seconds = 60 + 10 * limits.cpu_seconds;
  return limits;
}

bool can_confine_files() {
  return landlock_version() >= 1;
}

void limit_memory(const ReadLimits& limits) {
  // The address space of a forked process contains all mappings of libtorch and of model files, so
  // the limit counts from what is mapped now.
  std::ifstream file("/proc/self/statm");
  std::uint64_t mapped_pages = 0;
  file >> mapped_pages;
  const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  limit(RLIMIT_AS, mapped_pages * page_bytes + limits.memory_bytes);
}

void confine(const Access& access, const ReadLimits& limits) {
  // Descriptors that libhdf5 and libtorch may need in addition to the files to read.
  constexpr rlim_t kOpenFiles = 64;
  // Landlock requires this flag from a process without privileges.
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, limits.cpu_seconds);
  limit(RLIMIT_NOFILE, kOpenFiles + access.files.size());
  // A size limit of 0 refuses every write to a regular file; pipes to the parent are not affected.
  if (access.writable.empty()) limit(RLIMIT_FSIZE, 0);
  limit_memory(limits);
  // Files come last: /proc/self/statm, which the memory limit needs, is not readable afterwards.
  confine_files(access);
}

}  // namespace lensbench
