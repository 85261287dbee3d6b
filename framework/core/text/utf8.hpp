#pragma once

#include <lensbench/export.hpp>
#include <string>
#include <string_view>

namespace lensbench {

/// True for well-formed UTF-8 (Unicode 15, table 3-7): no overlong form, no surrogate, nothing
/// above U+10FFFF. NUL is well-formed; see `is_storable_text` for what an archive can hold.
LENSBENCH_API bool is_valid_utf8(std::string_view text);

/// Well-formed UTF-8 without NUL: what a variable-length HDF5 string holds without loss.
LENSBENCH_API bool is_storable_text(std::string_view text);

/// Each byte that is not part of a well-formed sequence becomes U+FFFD.
LENSBENCH_API std::string replace_invalid_utf8(std::string_view text);

}  // namespace lensbench
