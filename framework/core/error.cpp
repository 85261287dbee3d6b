#include <lensbench/error.hpp>

namespace lensbench {

// The destructors are out of line so that the type information of each class is in this library
// alone: exceptions can then be caught across library boundaries.
Error::~Error() = default;
UsageError::~UsageError() = default;
InputError::~InputError() = default;
PluginError::~PluginError() = default;
RunError::~RunError() = default;

}  // namespace lensbench
