#pragma once

#include <filesystem>

#include "session/plugin_search.hpp"
#include "session/recorded_run.hpp"
#include "session/run_request.hpp"

namespace lensbench {

/// Where the files, folders and models that parameters of a recorded run name are now, for
/// `replay`. What is not at its place is searched by SHA-256 in sibling folders and in the local
/// hub cache, if it is a folder or a model. Something that has the recorded contents and another
/// name is given under the recorded name, by a link, since recipe and results have the name. \param
/// then   values of the parameters with the recorded places, as `recorded_request` gives them
/// \param given  values that the user gave, which are not searched elsewhere
/// \param links  folder for the links
/// \param warn   receives a sentence for each folder that is found at another place
/// \throws InputError for the first one that is not found, with the option that names its place
std::map<std::string, std::string> parameter_places(const RecordedRun& recorded,
                                                    const std::map<std::string, std::string>& then,
                                                    const std::map<std::string, std::string>& given,
                                                    const std::filesystem::path& links,
                                                    const Warn& warn);

}  // namespace lensbench
