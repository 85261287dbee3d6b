#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vision/decode/decode.hpp"

namespace lensbench::vision {

/// Pixels and what is said about them, as one of the decoders reads them from a file.
struct StoredPicture {
  PictureSize size;
  int channels = 3;                  ///< 3: red, green, blue; 4: and alpha
  std::vector<std::uint8_t> pixels;  ///< `[height, width, channels]`
  std::string exif;                  ///< a TIFF structure, perhaps after "Exif\0\0"; may be empty
  std::string xmp;                   ///< XML; may be empty
  /// The one colour whose pixels are transparent.
  std::optional<std::array<std::uint8_t, 3>> key;
  bool sixteen_bit = false;  ///< the file has 16 bits a value
};

/// Bytes of a picture file, for the messages about it and the limit of its size.
struct PictureFile {
  std::string_view bytes;
  const std::string& name;
  std::int64_t most_pixels;

  /// \throws InputError if a side is 0, or there are too many pixels
  void check(PictureSize size) const;
  /// \throws InputError "FILE: the FORMAT data is damaged or cut off (what); ..."
  [[noreturn]] void damaged(PictureFormat format, std::string_view what) const;
};

StoredPicture decode_jpeg(const PictureFile& file);
StoredPicture decode_png(const PictureFile& file, const DecodeOptions& options);
StoredPicture decode_webp(const PictureFile& file);

}  // namespace lensbench::vision
