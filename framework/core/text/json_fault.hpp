#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lensbench {

/// The word for a number without digits (`NaN`, `Infinity`, `-Infinity`) that starts at a place of
/// a text; empty without one.
std::string_view non_finite_at(std::string_view text, std::size_t place);

/// Sentence about what is not JSON in a text, and what to write instead.
/// \param text      the text that was parsed
/// \param bytes     number of bytes that the parser had read
/// \param reason    message of the parser, from which the kind of fault is known
std::string json_fault(std::string_view text, std::size_t bytes, std::string_view reason);

}  // namespace lensbench
