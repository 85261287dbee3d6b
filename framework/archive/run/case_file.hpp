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

/// What one case left: its datasets, or why it failed. The smallest thing a run saves.
struct UnitHeader {
  std::string key;
  std::int64_t index = 0;
  std::string error;  ///< empty for a completed case
  bool failed() const { return !error.empty(); }
};

/// Takes an HDF5 image and what stands behind it in the file: a checksum of its bytes.
using WriteUnit = std::function<void(std::span<const std::byte> image, std::string_view trailer)>;

/// Makes a unit file and gives its bytes to `write`; equal contents give equal bytes.
/// \throws UsageError for a dataset the archive cannot hold; RunError; what `write` throws
void make_unit(const UnitHeader& header, const std::map<std::string, Dataset>& saved,
               const CaseCosts& costs, const WriteUnit& write);

/// A unit file, read into memory.
class UnitReader {
 public:
  /// \throws InputError also if its bytes are not those that were written; libhdf5 never sees those
  explicit UnitReader(const std::string& path);

  const UnitHeader& header() const { return header_; }
  std::vector<std::string> names() const;
  bool contains(const std::string& name) const;
  /// With its receipts. \throws InputError
  Dataset read(const std::string& name) const;
  /// \throws InputError
  CaseCosts costs() const;

 private:
  std::string path_;
  Image image_;
  hdf5::Handle file_;
  UnitHeader header_;
};

/// Receipts as a dataset on dimension `receipt`, and back.
Dataset receipts_to_dataset(const std::vector<Receipt>& receipts);
std::vector<Receipt> receipts_from_dataset(const Dataset& dataset);

}  // namespace lensbench
