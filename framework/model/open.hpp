#pragma once

#include <lensbench/model.hpp>
#include <memory>
#include <string>

namespace lensbench {

/// Opens a model like Model::open, but without checking the weights' values, which takes the time
/// of reading them all. For commands that only describe a checkpoint.
std::shared_ptr<const Model> open_without_reading(const std::string& path_or_name,
                                                  const ModelOptions& options = {});

}  // namespace lensbench
