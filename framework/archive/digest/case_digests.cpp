#include "archive/digest/case_digests.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <lensbench/error.hpp>

#include "archive/hdf5/dataset_io.hpp"

// Digests of single cases. `verify` names the damaged cases by them, and needs one pass over a
// variable: each block of its values is divided among the hashes of the cases.

namespace lensbench {

using hdf5::Handle;
using hdf5::readable;

/// Rows of each case along the dimension of the variable `case`. A group without such a variable,
/// or with one of another kind, does not get digests of cases.
RowsByDimension case_rows(hid_t group, const std::string& path, const Dimensions& dimensions) {
  RowsByDimension rows;
  if (!hdf5::exists(group, "case")) return rows;
  const std::string what = path + "/case";
  const Handle dataset(readable(H5Dopen2(group, "case", H5P_DEFAULT), what), H5Dclose);
  const auto lengths = extent(dataset, what);
  const Handle type(readable(H5Dget_type(dataset), what), H5Tclose);
  if (lengths.size() != 1 || H5Tget_class(type) != H5T_INTEGER) return rows;
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(lengths[0]));
  if (!numbers.empty())
    readable(H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data()),
             what);
  // Rows are grouped as they are: a case whose rows are apart gets several entries.
  std::vector<CaseRows> cases;
  for (std::size_t row = 0; row < numbers.size(); ++row)
    if (cases.empty() || cases.back().number != numbers[row])
      cases.push_back({numbers[row], row, 1});
    else
      ++cases.back().count;
  rows[dimensions.names(dataset, what).at(0)] = std::move(cases);
  return rows;
}

/// `row_bytes_` is the size of everything after the axis, the smallest part that belongs to one
/// case.
CaseHashes::CaseHashes(const std::vector<CaseRows>& rows, std::vector<hsize_t> lengths,
                       std::size_t axis, std::size_t element_bytes)
    : rows_(rows), hashes_(rows.size()), row_bytes_(element_bytes), first_axis_(axis == 0) {
  axis_length_ = static_cast<std::size_t>(lengths[axis]);
  for (std::size_t i = axis + 1; i < lengths.size(); ++i)
    row_bytes_ *= static_cast<std::size_t>(lengths[i]);
}

void CaseHashes::add(std::span<const std::byte> bytes) {
  if (row_bytes_ == 0 || axis_length_ == 0) return;
  // If the case axis is the first one, a block has some of its rows, following those of the last
  // block. Otherwise, a block has all rows of the case axis for one or more indices of the axes
  // before it ("sweeps").
  const std::size_t n_rows = bytes.size() / row_bytes_;
  const std::size_t sweep = first_axis_ ? n_rows : axis_length_;
  for (std::size_t at = 0; at + sweep <= n_rows && sweep > 0; at += sweep)
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::size_t from = std::max(rows_[i].first, next_row_);
      const std::size_t to = std::min(rows_[i].first + rows_[i].count, next_row_ + sweep);
      if (from < to)
        hashes_[i].update(
            bytes.subspan((at + from - next_row_) * row_bytes_, (to - from) * row_bytes_));
    }
  if (first_axis_) next_row_ += n_rows;
}

/// Texts come one by one in the order of the rows, so the case of the next one only moves forward.
void CaseHashes::add_text(const std::string& text) {
  while (next_case_ < rows_.size() &&
         next_text_ >= rows_[next_case_].first + rows_[next_case_].count)
    ++next_case_;
  ++next_text_;
  if (next_case_ == rows_.size()) return;
  // The length before the text separates it from the next text.
  const std::uint64_t size = text.size();
  hashes_[next_case_].update(std::as_bytes(std::span(&size, 1))).update(text);
}

std::map<std::int64_t, Sha256Digest> CaseHashes::finish() {
  std::map<std::int64_t, Sha256Digest> digests;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    // The digests of the parts of a case whose rows are not consecutive are chained in order.
    const Sha256Digest part = hashes_[i].finish();
    auto [known, is_new] = digests.emplace(rows_[i].number, part);
    if (is_new) continue;
    Sha256 both;
    both.update(std::as_bytes(std::span(known->second))).update(std::as_bytes(std::span(part)));
    known->second = both.finish();
  }
  return digests;
}

}  // namespace lensbench
