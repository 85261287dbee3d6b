#pragma once

#include <lensbench/parameters.hpp>
#include <lensbench/tools/layer_surgery.hpp>
#include <string>

namespace lensbench::surgery {

/// \throws UsageError for a name that is not an operation
SurgeryOperation operation_of(const std::string& name);

LayerSurgeryOptions options_of(const Parameters& parameters);

/// Refuses arguments that the operation does not use, which would otherwise be ignored in silence.
/// \throws UsageError
void check_use(SurgeryOperation operation, const LayerSurgeryOptions& options);

}  // namespace lensbench::surgery
