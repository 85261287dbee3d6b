#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "archive/hdf5/dataset_io.hpp"
#include "core/files/sha256.hpp"

namespace lensbench {

/// Digest of the values of one case in one group of results, with keys such as
/// `{"/results/lens", 3}`.
using CaseDigests = std::map<std::pair<std::string, std::int64_t>, Sha256Digest>;

/// Consecutive rows of one case along a dimension.
struct CaseRows {
  std::int64_t number;
  std::size_t first, count;
};

/// Dimension -> rows of each case.
using RowsByDimension = std::map<std::string, std::vector<CaseRows>>;
/// Reads the rows of each case from the group's variable `case`. \throws InputError
RowsByDimension case_rows(hid_t group, const std::string& path, const Dimensions& dimensions);

/// Hashes the elements of each case while a variable is read from front to back.
class CaseHashes {
 public:
  /// \param rows           rows of the cases along `axis`
  /// \param lengths        lengths of all axes
  /// \param axis           axis whose rows belong to cases
  /// \param element_bytes  size of one element
  CaseHashes(const std::vector<CaseRows>& rows, std::vector<hsize_t> lengths, std::size_t axis,
             std::size_t element_bytes);

  /// Adds the next elements in C order, any number of them.
  void add(std::span<const std::byte> bytes);
  /// Adds the next text of a list of texts.
  void add_text(const std::string& text);
  std::map<std::int64_t, Sha256Digest> finish();

 private:
  const std::vector<CaseRows>& rows_;
  std::vector<Sha256> hashes_;
  std::size_t row_bytes_ = 1;  ///< size of one row of the axis
  std::size_t axis_length_ = 1;
  std::size_t next_text_ = 0, next_case_ = 0;
  std::size_t next_byte_ = 0;  ///< place of the next element, from the beginning of the axis
};

}  // namespace lensbench
