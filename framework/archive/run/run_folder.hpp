#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/files/file_descriptor.hpp"

namespace lensbench {

/// Locked folder of an unfinished run.
class RunFolder {
 public:
  /// Creates the folder if necessary, locks it and empties `tmp/`.
  /// \throws UsageError if another process has the lock, or the folder is from a version that kept
  ///   each case in a file of its own; RunError
  explicit RunFolder(std::filesystem::path path);

  std::filesystem::path plan() const { return path_ / "plan"; }
  /// Command that began the run, for `lensbench finish`.
  std::filesystem::path command() const { return path_ / "command.json"; }
  std::filesystem::path temporary() const { return path_ / "tmp"; }
  /// File of an intermediate state of a case. \param name  name of the state
  std::filesystem::path state_file(const std::string& key, const std::string& name) const {
    return path_ / "states" / (key + "." + name + ".unit");
  }
  /// Creates the folder of the states.
  void make_states() const;
  /// Removes the states of a case.
  void remove_states(const std::string& key) const;
  /// Notes what the process does now, for the process that goes on after a crash. Errors are
  /// ignored, since the note is only for a message.
  void note(std::string_view text) const;
  /// What the previous process noted last; empty if it ended properly.
  const std::string& last_note() const { return last_note_; }
  /// Removes the units and states of a run whose plan is not complete.
  void remove_units() const;
  /// Removes the folder with its content and releases the lock. The plan is removed first, so that
  /// the remains after a kill are never mistaken for a run; the lock is released last.
  void remove();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor lock_;
  std::string last_note_;
};

/// \throws UsageError if the folder is from a version that kept each case in a file of its own
void refuse_earlier_layout(const std::filesystem::path& run);

/// Creates a folder and its missing parents, so that they survive a power cut. \throws RunError
void make_folder(const std::filesystem::path& folder);

/// Folder of the run of an archive: `results/name.h5` -> `results/name.run`.
std::filesystem::path run_folder_of(const std::filesystem::path& archive);

}  // namespace lensbench
