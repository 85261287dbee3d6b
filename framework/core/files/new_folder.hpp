#pragma once

#include <filesystem>
#include <lensbench/export.hpp>

namespace lensbench {

/// A folder that appears under its name only when everything in it is written: it is filled beside
/// and renamed. What was written is removed again unless `publish` was reached.
class LENSBENCH_API NewFolder {
 public:
  /// \throws UsageError if `target` exists and is anything but an empty folder; RunError if nothing
  ///   can be written beside it
  explicit NewFolder(const std::filesystem::path& target);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  /// Where to write the files.
  const std::filesystem::path& path() const { return temporary_; }

  /// Syncs every file and gives the folder its name. \throws RunError
  void publish();

 private:
  std::filesystem::path target_, temporary_;
};

}  // namespace lensbench
