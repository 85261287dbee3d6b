#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/hdf5/dataset_io.hpp"
#include "archive/hdf5/hdf5.hpp"
#include "core/costs.hpp"

namespace lensbench {

/// Header of a case file, which stores the datasets of one case or the error with which it failed.
struct CaseFileHeader {
  std::string key;
  std::int64_t index = 0;
  std::string error;  ///< empty for a completed case
  bool failed() const { return !error.empty(); }
};

/// Writes a case file: an HDF5 image, followed by a trailer with a checksum of its bytes.
using WriteCaseFile =
    std::function<void(std::span<const std::byte> image, std::string_view trailer)>;

/// Builds a case file and passes its bytes to `write`; equal contents give equal bytes.
/// \throws UsageError for a dataset that an archive cannot store; RunError; what `write` throws
void make_case_file(const CaseFileHeader& header, const std::map<std::string, Dataset>& saved,
                    const CaseCosts& costs, const WriteCaseFile& write);

/// A case file, read into memory.
class CaseFileReader {
 public:
  /// \throws InputError if the file is not readable or its checksum does not match; libhdf5 never
  ///   reads damaged bytes
  explicit CaseFileReader(const std::string& path);

  const CaseFileHeader& header() const { return header_; }
  std::vector<std::string> names() const;
  bool contains(const std::string& name) const;
  /// A dataset with its receipts. \throws InputError
  Dataset read(const std::string& name) const;
  /// \throws InputError
  CaseCosts costs() const;

 private:
  std::string path_;
  Image image_;
  hdf5::Handle file_;
  CaseFileHeader header_;
};

/// Converts receipts to a dataset with dimension `receipt`.
Dataset receipts_to_dataset(const std::vector<Receipt>& receipts);
/// Inverse of `receipts_to_dataset`.
std::vector<Receipt> receipts_from_dataset(const Dataset& dataset);

}  // namespace lensbench
