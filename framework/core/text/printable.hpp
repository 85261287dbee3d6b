#pragma once

#include <string>
#include <string_view>

namespace lensbench {

/// Text from an untrusted file, made safe for a message: control characters become \xNN, so that
/// they never reach a terminal, and the text is cut after 80 bytes.
std::string printable(std::string_view text);

}  // namespace lensbench
