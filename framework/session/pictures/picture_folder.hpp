#pragma once

#include <filesystem>
#include <lensbench/experiment.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// A picture of a folder.
struct FolderPicture {
  std::string name, path;
  std::optional<std::string> label;
};

/// A folder of pictures.
struct PictureFolder {
  std::vector<FolderPicture> pictures;  ///< sorted by name
  std::filesystem::path labels;         ///< its file labels.csv; empty without one
  std::vector<std::string> left_out;    ///< names of everything else in it, sorted
};

/// Reads the names of a folder. Pictures are known by their endings, also those of formats that are
/// refused later; files that begin with a dot do not count. A file `labels.csv` with the columns
/// `file` and `label` gives labels to pictures.
/// \throws InputError for a folder without pictures, and for labels that do not fit
PictureFolder read_picture_folder(const std::filesystem::path& folder);

/// One case for each picture, with its name as id and its label as field `label`.
/// \param prompt  a case whose text and fields all others get
std::vector<CaseInput> cases_of_folder(const PictureFolder& folder, const CaseInput& prompt);

}  // namespace lensbench
