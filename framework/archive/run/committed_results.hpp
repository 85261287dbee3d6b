#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <lensbench/dataset.hpp>
#include <map>
#include <string>
#include <vector>

#include "archive/records.hpp"

namespace lensbench {

/// What the cases of an unsealed run have saved so far, read without a lock while another process
/// may write to the run.
class CommittedResults {
 public:
  /// Finds the whole frames of a run.
  /// \param folder  `results/name.run`
  /// \throws InputError if its plan or a file of frames cannot be read
  explicit CommittedResults(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }
  /// All planned cases, with id and status: a case is complete when a pass of it is, and failed
  /// when all its frames are failures: a complete frame counts more, whichever comes first.
  const std::vector<CaseRecord>& cases() const { return cases_; }
  /// Names of the datasets that complete cases saved, sorted.
  std::vector<std::string> names() const;
  /// Joins what some cases saved under one name, as the archive of the run will have it. Cases that
  /// did not save it are left out. \throws InputError for a damaged frame
  Dataset read(const std::string& name, const std::vector<std::int64_t>& cases) const;

 private:
  struct Place {
    std::filesystem::path file;
    std::uint64_t offset = 0, bytes = 0;
  };

  std::filesystem::path folder_;
  std::vector<CaseRecord> cases_;
  /// Name of a dataset -> number of the case -> frame that has it.
  std::map<std::string, std::map<std::int64_t, Place>> places_;
};

}  // namespace lensbench
