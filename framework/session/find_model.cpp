#include "session/find_model.hpp"

#include <algorithm>

#include "checkpoint/hub_cache.hpp"
#include "core/files/sha256.hpp"

// Search for a model whose folder has been moved since an archive was made. Candidates are compared
// by size first, which costs nothing, and by SHA-256 only if all sizes are equal.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

/// Recorded files of the main model; roles of other models start with the name of their parameter.
bool is_of_the_model(const FileRecord& file) {
  return file.role != "prompts" && file.role.find(' ') == std::string::npos &&
         fs::path(file.name).filename() == file.name;
}

bool has_files_of_size(const fs::path& directory, const std::vector<FileRecord>& files) {
  return std::all_of(files.begin(), files.end(), [&](const FileRecord& file) {
    std::error_code error;
    const auto size = fs::file_size(directory / file.name, error);
    return !error && static_cast<std::int64_t>(size) == file.bytes;
  });
}

bool has_files(const fs::path& directory, const std::vector<FileRecord>& files) {
  return has_files_of_size(directory, files) &&
         std::all_of(files.begin(), files.end(), [&](const FileRecord& file) {
           return sha256_file(directory / file.name) == file.sha256;
         });
}

/// The folder that a folder is in, whether or not its name ends with a slash.
fs::path folder_of(const fs::path& folder) {
  const fs::path normal = folder.lexically_normal();
  return normal.has_filename() ? normal.parent_path() : normal.parent_path().parent_path();
}

/// Folders in a folder, sorted, so that the first match does not depend on the file system.
std::vector<fs::path> folders_in(const fs::path& parent) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error))
    if (std::error_code ignored; it->is_directory(ignored)) folders.push_back(it->path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

}  // namespace

std::optional<fs::path> find_model(const std::vector<FileRecord>& files, const fs::path& recorded) {
  std::vector<FileRecord> wanted;
  std::copy_if(files.begin(), files.end(), std::back_inserter(wanted), is_of_the_model);
  // An archive from elsewhere may lack both.
  if (wanted.empty() || recorded.empty()) return std::nullopt;
  // At the recorded path, equal sizes are enough: the digests are compared later, and a difference
  // is reported.
  if (has_files_of_size(recorded, wanted)) return recorded;
  auto candidates = folders_in(folder_of(recorded));
  const auto snapshots = hub_snapshots();
  candidates.insert(candidates.end(), snapshots.begin(), snapshots.end());
  const auto found = std::find_if(candidates.begin(), candidates.end(),
                                  [&](const fs::path& one) { return has_files(one, wanted); });
  return found == candidates.end() ? std::nullopt : std::optional(*found);
}

}  // namespace lensbench
