#include "core/available_memory.hpp"

#include <fstream>
#include <limits>
#include <string>

// Memory for new data, by which a sweep limits its batches.

namespace lensbench {

double available_memory() {
  // MemAvailable counts the page cache that can be dropped, unlike MemFree.
  std::ifstream file("/proc/meminfo");
  std::string name;
  while (file >> name) {
    double kibibytes = 0;
    if (name == "MemAvailable:" && file >> kibibytes) return kibibytes * 1024;
    std::getline(file, name);
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace lensbench
