#include "vision/decode/decode.hpp"

#include <lensbench/error.hpp>
#include <utility>

#include "core/text/printable.hpp"
#include "vision/decode/stored_picture.hpp"
#include "vision/orientation/orientation.hpp"
#include "vision/orientation/turn.hpp"

namespace lensbench::vision {
namespace {

constexpr unsigned kWhite = 255;

StoredPicture read_stored(const PictureFile& file, PictureFormat format,
                          const DecodeOptions& options) {
  switch (format) {
    case PictureFormat::jpeg:
      return decode_jpeg(file);
    case PictureFormat::png:
      return decode_png(file, options);
    case PictureFormat::webp:
      break;
  }
  return decode_webp(file);
}

/// A colour in front of white: (colour·alpha + 255·(255 - alpha)) / 255, rounded half up.
std::uint8_t on_white(unsigned colour, unsigned alpha) {
  const unsigned sum = colour * alpha + kWhite * (kWhite - alpha);
  return static_cast<std::uint8_t>((2 * sum + kWhite) / (2 * kWhite));
}

/// Leaves three of four channels, in place.
void remove_alpha(StoredPicture& stored, Alpha alpha) {
  std::uint8_t* to = stored.pixels.data();
  const std::uint8_t* end = to + stored.pixels.size();
  for (const std::uint8_t* from = to; from != end; from += 4, to += 3)
    for (int c = 0; c < 3; ++c) to[c] = alpha == Alpha::drop ? from[c] : on_white(from[c], from[3]);
  stored.pixels.resize(bytes_of(stored.size, 3));
  stored.channels = 3;
}

void whiten(StoredPicture& stored) {
  const auto key = *stored.key;
  for (std::size_t i = 0; i < stored.pixels.size(); i += 3) {
    std::uint8_t* pixel = stored.pixels.data() + i;
    if (pixel[0] == key[0] && pixel[1] == key[1] && pixel[2] == key[2])
      pixel[0] = pixel[1] = pixel[2] = kWhite;
  }
}

}  // namespace

void PictureFile::check(PictureSize size) const {
  const auto sides = std::to_string(size.width) + " x " + std::to_string(size.height);
  if (size.height < 1 || size.width < 1)
    throw InputError(name + ": the picture has " + sides + " pixels; give one with pixels");
  if (size.height > most_pixels / size.width)
    throw InputError(name + ": the picture has " + sides + " pixels, more than the " +
                     std::to_string(most_pixels) + " that are read; make it smaller first");
}

void PictureFile::damaged(PictureFormat format, std::string_view what) const {
  throw InputError(name + ": the " + std::string(name_of(format)) +
                   " data is damaged or cut off (" + printable(what) +
                   "); copy the file again, or save it again with a program that can open it");
}

DecodedPicture decode_picture(std::string_view bytes, const std::string& file,
                              const DecodeOptions& options) {
  DecodedPicture decoded;
  decoded.format = format_of(bytes, file);
  StoredPicture stored = read_stored({bytes, file, options.most_pixels}, decoded.format, options);
  decoded.sixteen_reduced = stored.sixteen_bit;
  if (stored.channels == 4) {
    const bool drop = options.alpha == Alpha::drop;
    (drop ? decoded.alpha_dropped : decoded.alpha_blended) = true;
    remove_alpha(stored, options.alpha);
  }
  if (stored.key) {
    decoded.key_whitened = true;
    whiten(stored);
  }
  decoded.stored = stored.size;
  decoded.orientation = orientation_of(stored.exif, stored.xmp);
  decoded.upright = turn_upright({stored.size, std::move(stored.pixels)}, decoded.orientation);
  return decoded;
}

}  // namespace lensbench::vision
