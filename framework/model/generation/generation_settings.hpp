#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// A sentence that names the settings of a configuration that `generate` of transformers follows
/// and `lensbench::generate` does not, with their values; none if all have values without effect.
/// Settings that only samplers read count if `do_sample` is true.
/// \param place  file of the configuration, for the sentence
std::vector<std::string> notes_on_generation(const nlohmann::json& configuration,
                                             const std::string& place);

}  // namespace lensbench
