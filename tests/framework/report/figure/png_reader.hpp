#pragma once

#include <zlib.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "report/figure/palette.hpp"

namespace lensbench::testing {

/// A PNG as a test reads it.
struct ReadPng {
  std::size_t width = 0, height = 0;
  std::string rgb;
  std::map<std::string, std::string> texts;  ///< texts in iTXt chunks
  std::uint32_t pixels_per_metre = 0;

  figure::Colour at(std::size_t x, std::size_t y) const {
    const std::size_t i = 3 * (y * width + x);
    const auto byte = [&](std::size_t k) { return static_cast<std::uint8_t>(rgb.at(i + k)); };
    return {byte(0), byte(1), byte(2)};
  }
};

inline std::uint32_t big_endian_at(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i)
    number = number << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return number;
}

/// The predictor that filter 4 of the PNG specification adds, from left, above and upper left.
inline int nearest_of(int a, int b, int c) {
  const int p = a + b - c, pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/// Undoes the filters of the rows (PNG specification, section 9.2).
inline std::string unfiltered(const std::string& rows, std::size_t width, std::size_t height) {
  const std::size_t row_bytes = 3 * width;
  std::string out(row_bytes * height, '\0');
  const auto byte = [&](std::size_t y, std::size_t i) {
    return static_cast<int>(static_cast<unsigned char>(out[y * row_bytes + i]));
  };
  for (std::size_t y = 0; y < height; ++y) {
    const char filter = rows.at(y * (row_bytes + 1));
    for (std::size_t i = 0; i < row_bytes; ++i) {
      const int left = i < 3 ? 0 : byte(y, i - 3), above = y == 0 ? 0 : byte(y - 1, i);
      const int corner = i < 3 || y == 0 ? 0 : byte(y - 1, i - 3);
      const std::array<int, 5> predicted{0, left, above, (left + above) / 2,
                                         nearest_of(left, above, corner)};
      const int value = static_cast<unsigned char>(rows.at(y * (row_bytes + 1) + 1 + i));
      out[y * row_bytes + i] =
          static_cast<char>(value + predicted.at(static_cast<std::size_t>(filter)));
    }
  }
  return out;
}

/// Reads a PNG of three channels with eight bits, not interlaced. \throws std::runtime_error for
/// others and for a wrong checksum
inline ReadPng read_png(const std::string& bytes) {
  if (bytes.substr(0, 8) != "\x89PNG\r\n\x1a\n") throw std::runtime_error("not a PNG");
  ReadPng png;
  std::string packed;
  for (std::size_t at = 8; at < bytes.size();) {
    const std::size_t size = big_endian_at(bytes, at);
    const std::string type = bytes.substr(at + 4, 4), data = bytes.substr(at + 8, size);
    const auto body = bytes.substr(at + 4, size + 4);
    if (crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())) !=
        big_endian_at(bytes, at + 8 + size))
      throw std::runtime_error("wrong checksum of " + type);
    if (type == "IHDR") {
      png.width = big_endian_at(data, 0);
      png.height = big_endian_at(data, 4);
      if (data.substr(8) != std::string("\x08\x02\0\0\0", 5))
        throw std::runtime_error("another kind of PNG");
    }
    if (type == "pHYs") png.pixels_per_metre = big_endian_at(data, 0);
    if (type == "iTXt")
      png.texts[data.substr(0, data.find('\0'))] = data.substr(data.find('\0') + 5);
    if (type == "IDAT") packed += data;
    at += 12 + size;
  }
  std::string rows((3 * png.width + 1) * png.height, '\0');
  uLongf size = rows.size();
  if (uncompress(reinterpret_cast<Bytef*>(rows.data()), &size,
                 reinterpret_cast<const Bytef*>(packed.data()), packed.size()) != Z_OK ||
      size != rows.size())
    throw std::runtime_error("the data of the PNG have another size");
  png.rgb = unfiltered(rows, png.width, png.height);
  return png;
}

}  // namespace lensbench::testing
