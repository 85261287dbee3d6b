#include "grading/run/planted_folders.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <system_error>

#include "grading/truth/truth_file.hpp"

namespace lensbench::grading {

namespace fs = std::filesystem;

std::vector<fs::path> planted_folders(const fs::path& folder) {
  if (fs::exists(folder / kTruthFile)) return {folder};
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (fs::exists(entry.path() / kTruthFile)) folders.push_back(entry.path());
  if (folders.empty())
    throw InputError(folder.string() +
                     ": neither it nor a folder in it has the file truth.json; give the folder of "
                     "a planted model (docs/grading.md)");
  std::sort(folders.begin(), folders.end());
  return folders;
}

}  // namespace lensbench::grading
