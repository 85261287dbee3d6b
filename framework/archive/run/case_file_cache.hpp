#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <lensbench/dataset.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "archive/run/case_file.hpp"
#include "core/costs.hpp"

namespace lensbench {

/// Contents of the case files that were read, in a compact form: a case file is opened and its
/// checksum is compared once for all of its datasets, as long as the contents of all case files
/// fit. Of the case files that do not fit, the one that was read last remains open.
class CaseFileCache {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{256} << 20;

  explicit CaseFileCache(std::size_t most_bytes = kMostBytes);
  ~CaseFileCache();

  /// Dataset of a case file. Its values are a copy: a change to them changes no later result.
  /// \param index  number of the case, by which its contents are kept
  /// \throws InputError if the file is damaged or does not have the dataset
  Dataset read(std::int64_t index, const std::filesystem::path& file, const std::string& name);
  /// \throws InputError
  CaseCosts costs(std::int64_t index, const std::filesystem::path& file);
  /// Keeps the contents of a case file that was read elsewhere, if they fit.
  void keep(std::int64_t index, const std::map<std::string, Dataset>& saved,
            const CaseCosts& costs);
  /// Forgets a case whose file is replaced.
  void forget(std::int64_t index);

  std::size_t bytes() const { return bytes_; }
  /// Number of case files that were opened.
  std::int64_t opened() const { return opened_; }

 private:
  struct Packed;
  struct Contents;

  const Contents* find(std::int64_t index, const std::filesystem::path& file);
  const CaseFileReader& open(std::int64_t index, const std::filesystem::path& file);
  Packed pack(const std::string& name, const Dataset& dataset);

  std::size_t most_bytes_, bytes_ = 0;
  std::int64_t opened_ = 0;
  std::map<std::int64_t, std::unique_ptr<Contents>> kept_;
  /// Datasets without values, which the cases share: nearly all datasets of one name are described
  /// in the same way.
  std::map<std::string, std::shared_ptr<const Dataset>> outlines_;
  std::unique_ptr<CaseFileReader> last_;
  std::int64_t last_index_ = -1;
  std::set<std::string> taken_;  ///< datasets of the open file that have memory in common with it
};

/// Copy of a dataset whose axes have length 0.
Dataset outline_of(const Dataset& dataset);

}  // namespace lensbench
