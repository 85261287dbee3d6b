#pragma once

#include <lensbench/dataset.hpp>
#include <optional>
#include <string>

#include "archive/archive_reader.hpp"

namespace lensbench::figure {

/// What a figure needs of an archive.
struct FigureData {
  Dataset dataset;
  std::string case_id;  ///< id of the case that was read; empty for several cases
  std::optional<std::int64_t> case_number;
};

/// Reads a variable with what its figure may show, of one case.
/// \param name     of the dataset
/// \param case_id  empty: the first complete case
/// \throws UsageError for an unknown dataset, variable or case, with the nearest names; InputError
///   for damaged content
FigureData read_for_figure(const ArchiveReader& archive, const std::string& name,
                           const std::string& variable, const std::string& case_id);

}  // namespace lensbench::figure
