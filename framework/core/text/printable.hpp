#pragma once

#include <lensbench/export.hpp>
#include <string>
#include <string_view>

namespace lensbench {

/// Text from a file that is not trusted, fit for a message: control characters as \xNN, so that
/// they never reach a terminal, and at most 80 bytes of it.
LENSBENCH_API std::string printable(std::string_view text);

}  // namespace lensbench
