#pragma once

#include <lensbench/experiment.hpp>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

#include "session/recorded_run.hpp"
#include "session/run_request.hpp"

namespace lensbench {

/// A recorded run as a request that can be made again. The model is looked for where it was, then
/// by its files' SHA-256. Plug-ins are never looked for where an archive says, since anybody may
/// have made it.
/// \param model  where the model is; empty: where it was, or where its files are found
/// \param warn   receives a sentence if the model is found in another place
/// \throws InputError naming the field that is missing or of another type
LENSBENCH_API RunRequest recorded_request(const RecordedRun& recorded, const std::string& model,
                                          const Warn& warn);

/// The cases of a recorded run, with their other fields. \throws InputError
LENSBENCH_API std::vector<CaseInput> recorded_cases(const RecordedRun& recorded);

/// Files that the run read in addition to those of models. They may be gone: what they held is in
/// the cases.
LENSBENCH_API std::vector<FileRecord> recorded_inputs(const RecordedRun& recorded);

}  // namespace lensbench
