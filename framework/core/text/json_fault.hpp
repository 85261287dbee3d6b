#pragma once

#include <cstddef>
#include <lensbench/json_fault.hpp>
#include <string_view>

namespace lensbench {

/// The word for a number without digits (`NaN`, `Infinity`, `-Infinity`) that starts at a place of
/// a text; empty without one.
std::string_view non_finite_at(std::string_view text, std::size_t place);

}  // namespace lensbench
