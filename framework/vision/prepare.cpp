#include "vision/prepare.hpp"

#include "core/files/regular_file.hpp"
#include "core/files/sha256.hpp"

namespace lensbench::vision {
namespace {

constexpr std::uint64_t kMostFileBytes = std::uint64_t{1} << 30U;

}  // namespace

PreparedPicture prepare_picture(std::string_view bytes, const std::string& file,
                                const PictureSettings& settings, const DecodeOptions& options,
                                ResizeOrder order) {
  PreparedPicture prepared;
  prepared.decoded = decode_picture(bytes, file, options);
  const Picture& upright = prepared.decoded.upright;
  prepared.file_sha256 = sha256_hex(bytes);
  prepared.decoded_sha256 =
      sha256_hex({reinterpret_cast<const char*>(upright.rgb.data()), upright.rgb.size()});
  const PictureSize size =
      smart_resize(upright.size, settings.shape.token_side(), settings.limits, file);
  prepared.resized = resize_bicubic(upright, size, order);
  prepared.rows = pixel_rows(prepared.resized, settings.shape, settings.normalization);
  return prepared;
}

std::string read_picture_file(const std::filesystem::path& path) {
  return read_regular_file(path, kMostFileBytes, "give a JPEG, PNG or WebP file");
}

}  // namespace lensbench::vision
