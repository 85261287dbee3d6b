#pragma once

#include <string>
#include <string_view>

namespace lensbench {

/// Bytes in base64 with padding (RFC 4648).
std::string base64(std::string_view bytes);

}  // namespace lensbench
