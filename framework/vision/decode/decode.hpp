#pragma once

#include <string>
#include <string_view>

#include "vision/decode/format.hpp"
#include "vision/picture.hpp"

namespace lensbench::vision {

/// What becomes of an alpha channel, and of a palette with a table of alphas.
enum class Alpha {
  drop,   ///< the colours as they are stored, as in transformers when a file is named to it
  white,  ///< the picture in front of white, as in transformers when it gets an opened picture
};

/// What becomes of a PNG file with 16-bit grey values. (Of 16-bit colours the high byte is taken.)
enum class SixteenBit {
  refuse,  ///< an error that names the two other ways
  scale,   ///< the high byte
  clip,    ///< every value above 255 becomes 255, as in Pillow and so in transformers
};

struct DecodeOptions {
  Alpha alpha = Alpha::drop;
  SixteenBit sixteen_bit = SixteenBit::refuse;
  std::int64_t most_pixels = kMostPixels;  ///< larger pictures are refused before decoding
};

/// A picture as its author sees it, and what was done to get it from the file.
struct DecodedPicture {
  Picture upright;               ///< after the turn that `orientation` asks for
  PictureFormat format{};        ///< JPEG, PNG or WebP
  PictureSize stored;            ///< as the file stores it, before the turn
  int orientation = 1;           ///< EXIF's number, 1 to 8; 1 needs no turn
  bool alpha_dropped = false;    ///< it had alphas, which were not used
  bool alpha_blended = false;    ///< it had alphas, and is now in front of white
  bool key_whitened = false;     ///< pixels of its one transparent colour became white
  bool sixteen_reduced = false;  ///< it had 16 bits a value
};

/// Decodes a JPEG, PNG or WebP file to upright RGB. Of an animation the first frame is taken.
/// Colour profiles and gamma are not applied, as transformers does not apply them. \param bytes the
/// whole file \param file   named in messages \throws InputError for another or a damaged format,
/// and for a picture without or with too many pixels
DecodedPicture decode_picture(std::string_view bytes, const std::string& file,
                              const DecodeOptions& options = {});

}  // namespace lensbench::vision
