#include "archive/digest/case_digests.hpp"

#include <ATen/core/Tensor.h>

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
    : rows_(rows), hashes_(rows.size()), row_bytes_(element_bytes) {
  axis_length_ = static_cast<std::size_t>(lengths[axis]);
  for (std::size_t i = axis + 1; i < lengths.size(); ++i)
    row_bytes_ *= static_cast<std::size_t>(lengths[i]);
}

/// The elements may begin and end inside a row of the axis. The axis is passed once for each index
/// of the axes before it.
void CaseHashes::add(std::span<const std::byte> bytes) {
  if (row_bytes_ == 0 || axis_length_ == 0) return;
  const std::size_t all_bytes = axis_length_ * row_bytes_;
  while (!bytes.empty()) {
    const std::size_t row = next_byte_ / row_bytes_;
    // The entries are in the order of their rows, and follow each other from row 0.
    const auto after = std::upper_bound(
        rows_.begin(), rows_.end(), row,
        [](std::size_t wanted, const CaseRows& one) { return wanted < one.first; });
    const bool known = after != rows_.begin() && row < (after - 1)->first + (after - 1)->count;
    // Rows after the last entry belong to no case.
    const std::size_t end =
        known ? std::min(axis_length_, (after - 1)->first + (after - 1)->count) : axis_length_;
    const std::size_t taken = std::min(bytes.size(), end * row_bytes_ - next_byte_);
    if (known)
      hashes_[static_cast<std::size_t>(after - 1 - rows_.begin())].update(bytes.first(taken));
    bytes = bytes.subspan(taken);
    next_byte_ = (next_byte_ + taken) % all_bytes;
  }
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
