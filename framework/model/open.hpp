#pragma once

#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>

namespace lensbench {

/// As Model::open, without looking at the weights' values: for telling what a checkpoint is, which
/// must not take the time of reading it.
LENSBENCH_API std::shared_ptr<const Model> open_without_reading(const std::string& path_or_name,
                                                                const ModelOptions& options = {});

}  // namespace lensbench
