#pragma once

#include <filesystem>
#include <string>

#include "vision/decode/decode.hpp"
#include "vision/resize/bicubic.hpp"
#include "vision/settings/picture_settings.hpp"

namespace lensbench::vision {

/// A picture on its way into a model, with what an archive has to say about it.
struct PreparedPicture {
  DecodedPicture decoded;
  std::string file_sha256;     ///< digest of the file's bytes
  std::string decoded_sha256;  ///< digest of the upright RGB bytes, row by row
  Picture resized;
  PixelRows rows;
};

/// From a file's bytes to the rows that a vision tower reads.
/// \param bytes     the whole file
/// \param file      named in messages
/// \param settings  of the checkpoint
/// \throws InputError
PreparedPicture prepare_picture(std::string_view bytes, const std::string& file,
                                const PictureSettings& settings, const DecodeOptions& options = {},
                                ResizeOrder order = ResizeOrder::pillow13);

/// Bytes of a picture file. \throws InputError if it cannot be read, or is a Git LFS pointer
std::string read_picture_file(const std::filesystem::path& path);

}  // namespace lensbench::vision
