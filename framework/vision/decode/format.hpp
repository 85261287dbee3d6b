#pragma once

#include <string>
#include <string_view>

namespace lensbench::vision {

/// Formats that are decoded.
enum class PictureFormat { jpeg, png, webp };

/// Name of a format, for messages and archives: "JPEG", "PNG", "WebP".
std::string_view name_of(PictureFormat format);

/// Format of a file by its first bytes; its name does not matter.
/// \param bytes  the whole file
/// \param file   named in messages
/// \throws InputError that names the format where it is a known one, and says how to convert it
PictureFormat format_of(std::string_view bytes, const std::string& file);

}  // namespace lensbench::vision
