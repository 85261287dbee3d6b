#pragma once

#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <string>

namespace lensbench {

/// How to open a model. \param dtype  float32, bfloat16 or float16; \param device  cpu or cuda:N
/// \throws UsageError for another word, or a device that this libtorch lacks
LENSBENCH_API ModelOptions model_options(const std::string& dtype, const std::string& device);

}  // namespace lensbench
