#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/file_descriptor.hpp"

namespace lensbench {

/// Folder of an unfinished run, which one process has alone, or several processes share.
class RunFolder {
 public:
  /// Creates the folder if necessary, locks it and empties `tmp/`.
  /// \throws UsageError if another process has the lock, or the folder is from a version that kept
  ///   each case in a file of its own; RunError
  explicit RunFolder(std::filesystem::path path);
  /// Creates the folder if necessary and shares it with other processes, without a lock: this one
  /// changes files under its own name only.
  /// \param writer  name of this process, unique among those of all machines
  /// \throws UsageError if the folder is from an earlier version; RunError
  RunFolder(std::filesystem::path path, std::string writer);
  /// Removes the temporary files and the note of a process that shares a run.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  /// Name of this process in a folder that is shared; empty if it has the folder alone.
  const std::string& writer() const { return writer_; }
  bool is_shared() const { return !writer_.empty(); }

  std::filesystem::path plan() const { return path_ / "plan"; }
  /// Command that began the run, for `lensbench finish`.
  std::filesystem::path command() const { return path_ / "command.json"; }
  std::filesystem::path temporary() const { return of_writer("tmp"); }
  /// File of an intermediate state of a case that this process keeps. \param name  name of the
  /// state
  std::filesystem::path state_file(const std::string& key, const std::string& name) const {
    return states() / (key + "." + name + ".unit");
  }
  /// Files of that state that exist, first the one of this process, then those of the others.
  std::vector<std::filesystem::path> state_files(const std::string& key,
                                                 const std::string& name) const;
  /// Creates the folder of the states of this process.
  void make_states() const;
  /// Removes the states that this process kept of a case.
  void remove_states(const std::string& key) const;
  /// Notes what the process does now, for the process that goes on after a crash. Errors are
  /// ignored.
  void note(std::string_view text) const;
  /// Whether another process has the folder alone, as far as the file system tells.
  bool has_owner() const;
  /// What the other processes of a folder that is shared noted last and did not take back: those
  /// that have not ended properly, or are at work.
  std::vector<std::string> notes_of_others() const;
  /// What the previous process noted last; empty if it ended properly.
  const std::string& last_note() const { return last_note_; }
  /// Removes the units and states of a run whose plan is not complete.
  void remove_units() const;
  /// Removes the folder with its content and releases the lock. The plan is removed first, so that
  /// the remains after a kill are never mistaken for a run; the lock is released last.
  void remove();
  const std::filesystem::path& path() const { return path_; }

 private:
  /// Folder of a kind, in a folder that is shared that of this process.
  std::filesystem::path of_writer(const char* kind) const {
    return is_shared() ? path_ / kind / writer_ : path_ / kind;
  }
  std::filesystem::path states() const { return of_writer("states"); }
  std::filesystem::path notes() const { return path_ / "notes"; }

  std::filesystem::path path_;
  std::string writer_;
  FileDescriptor lock_;  ///< has the note too; in a folder that is shared the note alone
  std::string last_note_;
};

/// \throws UsageError if the folder is from a version that kept each case in a file of its own
void refuse_earlier_layout(const std::filesystem::path& run);

/// Creates a folder and its missing parents, so that they survive a power cut. \throws RunError
void make_folder(const std::filesystem::path& folder);

/// Folder of the run of an archive: `results/name.h5` -> `results/name.run`.
std::filesystem::path run_folder_of(const std::filesystem::path& archive);

}  // namespace lensbench
