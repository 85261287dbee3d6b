#pragma once

#include <cstddef>
#include <lensbench/export.hpp>
#include <string>
#include <string_view>

namespace lensbench {

/// Sentence about what is not JSON in a text, and what to write instead.
/// \param text      the text that was parsed
/// \param bytes     number of bytes that the parser had read
/// \param reason    message of the parser, from which the kind of fault is known
LENSBENCH_API std::string json_fault(std::string_view text, std::size_t bytes,
                                     std::string_view reason);

}  // namespace lensbench
