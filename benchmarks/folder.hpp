#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace lensbench::benchmarks {

/// A new folder that the destructor removes, in LENSBENCH_BENCHMARK_FOLDER, else in the system's
/// folder for temporary files.
class Folder {
 public:
  Folder() {
    const char* given = std::getenv("LENSBENCH_BENCHMARK_FOLDER");
    const std::filesystem::path parent =
        given != nullptr ? std::filesystem::path(given) : std::filesystem::temp_directory_path();
    std::string name = (parent / "lensbench-benchmark-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace lensbench::benchmarks
