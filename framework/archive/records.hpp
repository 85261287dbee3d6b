#pragma once

#include <cstdint>
#include <lensbench/archive.hpp>
#include <lensbench/dataset.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Version of the format of archives that this version writes; it reads all from the first on.
constexpr std::int64_t kArchiveFormat = 2;

/// Name of the result with the picture files of a run that keeps them. They are not values to draw.
inline constexpr const char* kPictureFiles = "picture_files";

/// One case of an archive: its input and its outcome.
struct CaseRecord {
  std::string id;
  std::string text;
  std::int64_t n_tokens = 0;
  std::vector<std::int64_t> ids;  ///< token ids; empty if the text could not be tokenized
  CaseStatus status = CaseStatus::planned;
  std::string error;
  std::string fields = {};  ///< its other fields as JSON; empty if `/recipe` has no such column
};

/// Most severe value of one receipt over all cases, with its dataset and case.
struct ReceiptRecord {
  Receipt receipt;
  std::string dataset;
  std::int64_t case_number = -1;  ///< -1: not from a single case
};

}  // namespace lensbench
