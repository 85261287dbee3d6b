#include "vision/decode/format.hpp"

#include <array>
#include <lensbench/error.hpp>

#include "core/text/shell_words.hpp"

namespace lensbench::vision {
namespace {

constexpr std::size_t kDicomMark = 128;
constexpr std::size_t kBoxType = 4, kBrand = 8;

struct Signature {
  std::size_t at;
  std::string_view bytes;
  std::string_view name;
};

using namespace std::string_view_literals;

// Formats of pictures that users have, and that are not decoded.
constexpr std::array kRefused = {
    Signature{0, "GIF87a"sv, "GIF"sv},
    Signature{0, "GIF89a"sv, "GIF"sv},
    Signature{0, "II*\0"sv, "TIFF"sv},
    Signature{0, "MM\0*"sv, "TIFF"sv},
    Signature{0, "II+\0"sv, "TIFF"sv},
    Signature{0, "MM\0+"sv, "TIFF"sv},
    Signature{0, "BM"sv, "BMP"sv},
    Signature{kDicomMark, "DICM"sv, "DICOM"sv},
    Signature{0, "\0\0\0\x0cjP  "sv, "JPEG 2000"sv},
    Signature{0, "\xff\x4f\xff\x51"sv, "JPEG 2000"sv},
    Signature{0, "\0\0\0\x0cJXL "sv, "JPEG XL"sv},
    Signature{0, "\xff\x0a"sv, "JPEG XL"sv},
    Signature{0, "8BPS"sv, "Photoshop"sv},
    Signature{0, "%PDF-"sv, "PDF"sv},
    Signature{0, "<svg"sv, "SVG"sv},
};

// Brands of ISO media files (the four bytes after "ftyp") that hold pictures.
constexpr std::array kHeicBrands = {"heic"sv, "heix"sv, "heim"sv, "heis"sv,
                                    "hevc"sv, "hevx"sv, "mif1"sv, "msf1"sv};

bool has_at(std::string_view bytes, std::size_t at, std::string_view expected) {
  return bytes.size() >= at + expected.size() && bytes.substr(at, expected.size()) == expected;
}

/// Name of a format that is known and not decoded; empty for others.
std::string_view refused_name(std::string_view bytes) {
  for (const Signature& signature : kRefused)
    if (has_at(bytes, signature.at, signature.bytes)) return signature.name;
  if (!has_at(bytes, kBoxType, "ftyp")) return {};
  for (const std::string_view brand : kHeicBrands)
    if (has_at(bytes, kBrand, brand)) return "HEIC";
  return has_at(bytes, kBrand, "avi") ? "AVIF" : std::string_view{};
}

}  // namespace

std::string_view name_of(PictureFormat format) {
  switch (format) {
    case PictureFormat::jpeg:
      return "JPEG";
    case PictureFormat::png:
      return "PNG";
    case PictureFormat::webp:
      return "WebP";
  }
  return "";
}

PictureFormat format_of(std::string_view bytes, const std::string& file) {
  if (has_at(bytes, 0, "\xff\xd8\xff")) return PictureFormat::jpeg;
  if (has_at(bytes, 0, "\x89PNG\r\n\x1a\n")) return PictureFormat::png;
  if (has_at(bytes, 0, "RIFF") && has_at(bytes, kBrand, "WEBP")) return PictureFormat::webp;
  if (bytes.empty()) throw InputError(file + ": the file is empty; give a JPEG, PNG or WebP file");
  const std::string_view name = refused_name(bytes);
  if (name.empty())
    throw InputError(file + ": is not a JPEG, PNG or WebP picture; give one of these formats");
  throw InputError(file + ": the format is " + std::string(name) +
                   ", and only JPEG, PNG and WebP are read; convert it to PNG, for example " +
                   (name == "DICOM" ? "with a program that shows DICOM files"
                                    : "with ImageMagick: convert " + shell_word(file + "[0]") +
                                          " " + shell_word(file + ".png")));
}

}  // namespace lensbench::vision
