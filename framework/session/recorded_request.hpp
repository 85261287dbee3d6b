#pragma once

#include <lensbench/experiment.hpp>
#include <string>
#include <vector>

#include "session/recorded_run.hpp"
#include "session/run_request.hpp"

namespace lensbench {

/// Request that repeats a recorded run. The model is searched at its recorded path, then by the
/// SHA-256 of its files. Plug-ins are never searched at paths from an archive, since anybody may
/// have made it. \param model  directory of the model; empty: search for it \param warn   receives
/// a sentence if the model is found at another path \throws InputError that names a field that is
/// missing or of another type
RunRequest recorded_request(const RecordedRun& recorded, const std::string& model,
                            const Warn& warn);

/// Cases of a recorded run, with their other fields and their pictures.
/// \param pictures  folder that now has the pictures; empty: they are at their recorded paths
/// \throws InputError for malformed ones, and for a picture that is not found
std::vector<CaseInput> recorded_cases(const RecordedRun& recorded,
                                      const std::string& pictures = "");

/// Files that the run read in addition to those of models. They need not exist any more, since the
/// cases hold their contents.
std::vector<FileRecord> recorded_inputs(const RecordedRun& recorded);

}  // namespace lensbench
