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
  /// \throws UsageError if another process has the lock; RunError
  explicit RunFolder(std::filesystem::path path);

  std::filesystem::path plan() const { return path_ / "plan.json"; }
  /// Command that began the run, for `lensbench finish`.
  std::filesystem::path command() const { return path_ / "command.json"; }
  std::filesystem::path temporary() const { return path_ / "tmp"; }
  std::filesystem::path case_file(const std::string& key) const {
    return path_ / "units" / (key + ".h5");
  }
  /// File of an intermediate state of a case. \param name  name of the state
  std::filesystem::path state_file(const std::string& key, const std::string& name) const {
    return path_ / "states" / (key + "." + name + ".h5");
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
  std::size_t case_file_count() const;
  /// Moves an unusable case file to `quarantine/`.
  void quarantine(const std::string& key) const;
  /// Removes the folder with its content and releases the lock. The plan is removed first, so that
  /// the remains after a kill are never mistaken for a run; the lock is released last.
  void remove();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor lock_;
  std::string last_note_;
};

/// Folder of the run of an archive: `results/name.h5` -> `results/name.run`.
std::filesystem::path run_folder_of(const std::filesystem::path& archive);

}  // namespace lensbench
