#pragma once

#include <cstddef>
#include <cstdint>
#include <lensbench/dataset.hpp>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "archive/run/unit_bytes.hpp"
#include "core/costs.hpp"

namespace lensbench {

/// Bytes of a unit: the datasets that one case saved in one pass, or the error with which it
/// failed, and what it cost. Equal contents give equal bytes. The seal converts units to HDF5: to
/// build an HDF5 image for each case would take as long as to compute a short prompt.
class UnitImage {
 public:
  /// \param error  empty for a completed case
  /// \param saved  datasets, which must outlive this object: large tensors are not copied
  /// \throws UsageError for a dataset that an archive cannot store
  UnitImage(const std::string& error, const std::map<std::string, Dataset>& saved,
            const CaseCosts& costs);

  std::size_t size() const { return bytes_.size(); }
  std::vector<std::span<const std::byte>> parts() const { return bytes_.parts(); }

 private:
  UnitBytes bytes_;
};

/// A unit in memory.
class Unit {
 public:
  /// \param bytes    bytes of a `UnitImage`, whose checksum was compared
  /// \param owner    keeps them in memory; large tensors that are read have it in common
  /// \param subject  what the bytes are, for errors
  /// \throws InputError
  Unit(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, std::string subject);

  const std::string& error() const { return error_; }  ///< empty for a completed case
  bool failed() const { return !error_.empty(); }
  const CaseCosts& costs() const { return costs_; }
  std::vector<std::string> names() const;
  /// Number of receipts of all datasets that failed.
  std::int64_t failed_receipts() const;
  /// A dataset with its receipts. \throws InputError
  Dataset read(const std::string& name) const;

 private:
  struct Entry {
    std::size_t place = 0, bytes = 0;
    std::int64_t failed_receipts = 0;
  };

  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  std::string subject_;
  std::string error_;
  CaseCosts costs_;
  std::map<std::string, Entry> entries_;
};

}  // namespace lensbench
