#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "archive/hdf5/stored_dataset.hpp"

namespace lensbench::page {

/// Consecutive rows of an axis: first and count.
struct Rows {
  std::int64_t first = 0, count = 0;
};
/// Number of a case -> its rows.
using RowsOfCases = std::map<std::int64_t, Rows>;

/// Rows of each case on a dimension of a result; empty for a dimension that does not belong to
/// cases. \throws InputError for damaged content
RowsOfCases rows_of_cases(const StoredDataset& dataset, const std::string& dim);

/// A variable or dimension of one case, `pattern_case3`: the name before, and the number.
std::optional<std::pair<std::string, std::int64_t>> of_one_case(const std::string& name);

/// Rows of one axis of a variable; further axes are whole.
/// \param axis  empty: all values
/// \param outer  rows of the first axis, if that is another one; empty: all of them
/// \throws InputError for damaged content
at::Tensor read_rows_of(const StoredVariable& variable, std::optional<std::size_t> axis, Rows rows,
                        std::optional<Rows> outer = std::nullopt);

/// Gives the values of each case along an axis as float64, in the order of the rows. They are read
/// in blocks of many cases, so that memory does not grow with the archive.
/// \param index  as of `StoredVariable::rows` \throws InputError for damaged content
void for_values_of_cases(
    const StoredVariable& variable, const std::vector<std::int64_t>& index, const RowsOfCases& rows,
    const std::function<void(std::int64_t number, std::span<const double> values)>& use);

/// The variable of a name, if the dataset has it with these dimensions and as numbers.
const StoredVariable* numbers_of(const StoredDataset& dataset, const std::string& name,
                                 const std::vector<std::string>& dims);

/// Number of elements of a variable.
std::int64_t cells_of(const std::vector<std::int64_t>& shape);

}  // namespace lensbench::page
