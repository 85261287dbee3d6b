#pragma once

#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// The lines that a grading printed; empty for an archive of something else.
/// \throws InputError for damaged content
std::vector<std::string> stored_report(const ArchiveReader& archive);

/// The scores of an archive, without their tasks: enough for floors.
Grades stored_scores(const ArchiveReader& archive);

}  // namespace lensbench::grading
