#pragma once

#include <optional>
#include <string_view>

namespace lensbench {

/// True for `true`, `1`, `yes`, `on`; false for `false`, `0`, `no`, `off`; empty for other text.
std::optional<bool> parse_boolean(std::string_view text);

}  // namespace lensbench
