#pragma once

#include <string>
#include <string_view>

namespace lensbench::vision {

/// Bytes of a profile that ImageMagick writes into a text chunk of a PNG file: a line break, the
/// name, the number of bytes, then hexadecimal digits. Empty if it has another form.
std::string raw_profile(std::string_view text);

}  // namespace lensbench::vision
