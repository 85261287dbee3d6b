#include "report/figure/scene/png.hpp"

#include <zlib.h>

#include <cmath>
#include <cstdint>
#include <lensbench/error.hpp>

namespace lensbench::figure {
namespace {

std::string big_endian(std::uint32_t number) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

const Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<const Bytef*>(text.data());
}

/// A chunk: length, type and data, and the checksum of both.
std::string chunk(std::string_view type, std::string_view data) {
  std::string body(type);
  body += data;
  const auto checksum = crc32(0, bytes_of(body), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(data.size())) + body +
         big_endian(static_cast<std::uint32_t>(checksum));
}

std::string deflated(std::string_view bytes) {
  uLongf size = compressBound(bytes.size());
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, bytes_of(bytes), bytes.size(), 9) !=
      Z_OK)
    throw RunError("image: zlib could not compress it; free memory and run the command again");
  out.resize(size);
  return out;
}

}  // namespace

std::string png_of(std::size_t width, std::size_t height, std::string_view pixels,
                   const std::vector<Colour>& colours) {
  // Each row holds the differences to the row above (filter 2): rows that repeat become zeros.
  std::string rows;
  rows.reserve((width + 1) * height);
  for (std::size_t y = 0; y < height; ++y) {
    rows += '\2';
    for (std::size_t x = 0; x < width; ++x) {
      const char above = y == 0 ? '\0' : pixels[(y - 1) * width + x];
      rows += static_cast<char>(pixels[y * width + x] - above);
    }
  }
  std::string palette;
  for (const Colour colour : colours)
    for (const auto part : {colour.red, colour.green, colour.blue})
      palette += static_cast<char>(part);
  // Eight bits a pixel, indexed colours, the one method of compression and of filters, not
  // interlaced.
  const std::string header = big_endian(static_cast<std::uint32_t>(width)) +
                             big_endian(static_cast<std::uint32_t>(height)) +
                             std::string("\x08\x03\0\0\0", 5);
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + chunk("PLTE", palette) +
         chunk("IDAT", deflated(rows)) + chunk("IEND", "");
}

std::string with_texts(const std::string& png,
                       const std::vector<std::pair<std::string, std::string>>& texts, double dpi) {
  // Signature and header of every PNG: 8 bytes, and a chunk with 13 bytes of data.
  constexpr std::size_t kBeginning = 8 + 12 + 13;
  const std::string per_metre = big_endian(static_cast<std::uint32_t>(std::lround(dpi / 0.0254)));
  std::string added = chunk("pHYs", per_metre + per_metre + '\1');
  // Name, not compressed, no language and no translated name, text.
  for (const auto& [name, value] : texts)
    added += chunk("iTXt", name + std::string(5, '\0') + value);
  return png.substr(0, kBeginning) + added + png.substr(kBeginning);
}

}  // namespace lensbench::figure
