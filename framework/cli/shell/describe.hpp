#pragma once

#include <string>

namespace lensbench::cli {

/// The manual page of all commands, as man(7) source.
std::string manual_page();

}  // namespace lensbench::cli
