#include "core/available_memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

// Memory for new data, by which a sweep limits its batches, and whether weights fit into memory.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

/// Number after a word at the beginning of a line; infinity without one.
double number_after(const fs::path& path, const std::string& word) {
  std::ifstream file(path);
  std::string name;
  while (file >> name) {
    double number = 0;
    if (name == word && file >> number) return number;
    std::getline(file, name);
  }
  return kUnlimited;
}

/// The only number of a file; infinity for another text (`max`) and for a file that is missing.
double number_in(const fs::path& path) {
  std::ifstream file(path);
  double number = 0;
  return file >> number ? number : kUnlimited;
}

/// Names of the files of one version of control groups.
struct GroupFiles {
  const char *limit, *used, *inactive, *active;
};

constexpr GroupFiles kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes",
                               "total_inactive_file", "total_active_file"};
constexpr GroupFiles kVersion2{"memory.max", "memory.current", "inactive_file", "active_file"};

/// What a group leaves: its limit less what it uses, the page cache that can be dropped apart.
double left_in_group(const fs::path& folder, const GroupFiles& files) {
  const double limit = number_in(folder / files.limit), used = number_in(folder / files.used);
  if (limit == kUnlimited || used == kUnlimited) return kUnlimited;
  double cache = 0;
  for (const char* name : {files.inactive, files.active})
    if (const double part = number_after(folder / "memory.stat", name); part != kUnlimited)
      cache += part;
  return std::max(0.0, limit - std::max(0.0, used - cache));
}

/// The least that a group and those above it leave. In a container the path that the system reports
/// may be that outside, where the group of the container is the root.
double left_in_groups(const fs::path& root, const std::string& group, const GroupFiles& files) {
  double least = left_in_group(root, files);
  for (fs::path path = fs::path(group).relative_path(); !path.empty(); path = path.parent_path())
    least = std::min(least, left_in_group(root / path, files));
  return least;
}

}  // namespace

double available_memory(const fs::path& system) {
  // MemAvailable counts the page cache that can be dropped, unlike MemFree.
  double least = number_after(system / "proc/meminfo", "MemAvailable:") * 1024;
  const fs::path groups = system / "sys/fs/cgroup";
  std::ifstream file(system / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    // hierarchy:controllers:path
    std::istringstream fields(line);
    std::string number, controllers, path;
    std::getline(fields, number, ':');
    std::getline(fields, controllers, ':');
    std::getline(fields, path);
    if (number == "0" && controllers.empty())
      least = std::min(least, left_in_groups(groups, path, kVersion2));
    else if (controllers == "memory")
      least = std::min(least, left_in_groups(groups / "memory", path, kVersion1));
  }
  return least;
}

}  // namespace lensbench
