#pragma once

#include <filesystem>
#include <lensbench/export.hpp>
#include <string>

#include "core/files/file_descriptor.hpp"

namespace lensbench {

/// The folder of a run that goes on, and the lock on it.
class RunFolder {
 public:
  /// Creates it where needed, locks it, empties `tmp/`.
  /// \throws UsageError if another process holds the lock; RunError
  explicit RunFolder(std::filesystem::path path);

  std::filesystem::path plan() const { return path_ / "plan.json"; }
  std::filesystem::path temporary() const { return path_ / "tmp"; }
  std::filesystem::path unit(const std::string& key) const {
    return path_ / "units" / (key + ".h5");
  }
  std::size_t unit_count() const;
  /// Moves a unit that cannot be used out of the way.
  void quarantine(const std::string& key) const;
  /// Removes the folder with everything in it and gives the lock up: the plan first, so that what
  /// a kill leaves is never taken for a run; the lock last.
  void remove();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor lock_;
};

/// `results/name.h5` -> `results/name.run`
LENSBENCH_API std::filesystem::path run_folder_of(const std::filesystem::path& archive);

}  // namespace lensbench
