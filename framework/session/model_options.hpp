#pragma once

#include <lensbench/model.hpp>
#include <string>

namespace lensbench {

/// Options for opening a model, from text.
/// \param dtype   float32, bfloat16 or float16
/// \param device  cpu or cuda:N
/// \throws UsageError for another text, or a device that this libtorch lacks
ModelOptions model_options(const std::string& dtype, const std::string& device);

}  // namespace lensbench
