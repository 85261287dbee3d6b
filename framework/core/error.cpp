#include <lensbench/error.hpp>

namespace lensbench {

// Out of line, so that each class has one home for its type information.
Error::~Error() = default;
UsageError::~UsageError() = default;
InputError::~InputError() = default;
PluginError::~PluginError() = default;
RunError::~RunError() = default;

}  // namespace lensbench
