#pragma once

#include <filesystem>

namespace lensbench {

/// A folder that gets its name only when all its files are written: the files are written to a
/// temporary folder with the same parent, which is then renamed. Without a call of `publish`, the
/// destructor removes the temporary folder.
class NewFolder {
 public:
  /// \throws UsageError if `target` exists and is not an empty folder; RunError if its parent
  /// folder
  ///   is not writable
  explicit NewFolder(const std::filesystem::path& target);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  /// Temporary folder for the files.
  const std::filesystem::path& path() const { return temporary_; }

  /// Syncs every file and gives the folder its name. \throws RunError
  void publish();

 private:
  std::filesystem::path target_, temporary_;
};

}  // namespace lensbench
