#include "core/available_memory.hpp"

#include <fstream>
#include <limits>
#include <string>

namespace lensbench {

double available_memory() {
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
